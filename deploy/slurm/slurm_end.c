/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/slurm_end.h"

const char *slurm_end_text(enum slurm_end end)
{
#define X(name, text, excused) [SLURM_##name] = (text),
    static const char *const texts[] = {SLURM_ENDS(X)};
#undef X
    return texts[end];
}

bool slurm_end_excuses(enum slurm_end end)
{
#define X(name, text, excused) [SLURM_##name] = (excused),
    static const bool excuses[] = {SLURM_ENDS(X)};
#undef X
    return excuses[end];
}
