# SPDX-License-Identifier: MIT
"""A run resumes in the middle of several inputs, compressed ones, behind a header."""

from input_files import SMALL, UPPER, compressed, inputs, kinds, lines
from resuming import HELD_UPPER, Resumption, kill_everything, refused


def resume_over(case, paths, text, tasks, fed=False):
    """The last of `paths` is Resumption's own."""
    *others, last = paths
    run = Resumption(case, last, "--block", "16K", *inputs(*others), script=HELD_UPPER, fed=fed, name=f"output-{last.name}-{tasks}")
    run.begin_and_kill(tasks)
    expected = case.path("expected")
    expected.write_bytes(text.upper())
    run.complete("-j2", expected=expected)


def test_a_run_resumes_in_the_middle_of_several_files(case):
    parts = [lines(0, 3000), b"", b"no end", lines(5000, 6000), lines(20000, 50)]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    for tasks in (1, 3, 4, 5):
        resume_over(case, paths, b"".join(parts).replace(b"no end", b"no end\n"), tasks)


def test_a_run_resumes_in_the_middle_of_compressed_files(case):
    parts = [lines(0, 3000), lines(5000, 6000), lines(20000, 50)]
    for kind in kinds(case):
        paths = [compressed(case, kind, part, f"part{number}") for number, part in enumerate(parts)]
        resume_over(case, paths, b"".join(parts), 4)
    paths[0] = case.file("plain", parts[0])
    resume_over(case, paths, b"".join(parts), 4)


def test_a_run_resumes_in_the_middle_of_a_compressed_pipe(case):
    text = lines(0, 20000)
    resume_over(case, [compressed(case, "gzip", text)], text, 3, fed=True)


def test_a_run_resumes_behind_a_header(case):
    header = b"the header\n"
    parts = [lines(0, 3000), lines(5000, 6000)]
    for compression in (None, "xz"):
        data = [header + part for part in parts]
        paths = [
            compressed(case, compression, part, str(number)) if compression else case.file(f"in{number}", part)
            for number, part in enumerate(data)
        ]
        output = case.path(f"output-{compression}")
        gate = case.gate()
        gate.shut()
        script = '[ "$FANFOLD_SEQ" -lt 3 ] || : <gate; cat'
        words = ["--header", "1", *SMALL, *inputs(*paths), "-o", output, "--", "sh", "-c", f"grep -v 'the header' | ({script})"]
        case.start("fanfold", *words)
        case.wait_for(lambda output=output: output.exists() and output.stat().st_size > 40000, "three results")
        kill_everything(case)
        gate.open()
        case.run("fanfold", "--resume", *words).expect(0)
        assert output.read_bytes() == b"".join(parts), compression


def test_a_run_refuses_to_resume_with_other_inputs(case):
    parts = [lines(0, 3000), lines(5000, 6000), lines(20000, 50)]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    run = Resumption(case, paths[2], "--block", "16K", *inputs(*paths[:2]), script=HELD_UPPER)
    remains = run.begin_and_kill(3)
    words = ["--block", "16K", "--resume", "-o", run.output, *UPPER]

    def refuse(chosen, pattern, *more):
        refused(case, [*inputs(*chosen), *more, *words], 4, rf"ventilator: .*cannot resume: {pattern}", remains)

    refuse(paths[:2], "the run began with 3 inputs, not 2")
    refuse([paths[1], paths[0], paths[2]], "these are not the inputs .*in order, size or how one of them begins")
    refuse(paths, "the run began with --header 0, not --header 1", "--header", ":")
    paths[2].write_bytes(parts[2] + b"more\n")
    refuse(paths, "these are not the inputs that the run began with .their size was")
