/* SPDX-License-Identifier: MIT */
#include "worker/plugin_slot/slot_file.h"

#include "common/files/open_theirs.h"
#include "common/files/read_all_at.h"
#include "common/process/fds.h"
#include <fcntl.h>

void slot_file_init(struct slot_file *file)
{
    *file = (struct slot_file){.fd = -1};
}

static bool turn_to(struct slot_file *file, int64_t worker,
                    const struct plugin_channel_task *task)
{
    struct stat status;
    if (file->serial == task->file_serial)
        return true;
    fd_close(&file->fd);
    file->serial = 0;
    file->fd = open_theirs((pid_t)worker, (uint64_t)task->file_fd, O_RDONLY, &status);
    if (file->fd < 0 || status.st_dev != task->file_device ||
        status.st_ino != task->file_inode)
        return false;
    file->serial = task->file_serial;
    return true;
}

bool slot_file_read(struct slot_file *file, int64_t worker,
                    const struct plugin_channel_task *task, uint8_t *to)
{
    return turn_to(file, worker, task) &&
           read_all_at(file->fd, to, task->file_size, task->file_offset);
}
