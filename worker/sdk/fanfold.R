# SPDX-License-Identifier: MIT
#
# Programs for fanfold-worker --mode frames, in R:
#
#     source(file.path(Sys.getenv("FANFOLD_SDK"), "fanfold.R"))
#
#     fanfold_serve(
#         prepare = function() readRDS("model.rds"),          # once: costly work
#         process = function(lines, model) predict(model, lines),  # for each chunk
#         text = TRUE
#     )
#
#     $ fanfold --mode frames -- Rscript classify.R < in > out
#
# `prepare` runs once in a worker; the worker then forks the process for every slot, and
# the slots share the prepared memory until one of them writes to it. With --prepare-each
# every slot runs `prepare` itself. What each slot needs for itself (connections, random
# numbers) is for `prepare_slot`, which runs once in each. By hand, or as the command of a process a chunk, the same
# program reads its standard input as one chunk and writes the result.
#
# Only results go to standard output. From source() on, prints go to standard error, and
# standard input is empty. An error in `process` fails the chunk; the program continues.

fanfold <- local({
    # Where this file lies: the shared object is beside it.
    directory <- Sys.getenv("FANFOLD_SDK")
    if (!nzchar(directory)) {
        sourced <- Filter(Negate(is.null), lapply(sys.frames(), function(frame) frame$ofile))
        directory <- if (length(sourced)) dirname(sourced[[length(sourced)]]) else "."
    }
    native <- dyn.load(file.path(directory, "fanfold-r.so"))
    call_native <- function(name, ...) .C(getNativeSymbolInfo(name, native), ...)

    MESSAGE_BYTES <- 4000
    OK <- utf8ToInt("+")
    ERROR <- utf8ToInt("-")
    READY <- utf8ToInt(".")

    # Removes a variable that programs started by user code must not see.
    take_variable <- function(name) {
        value <- Sys.getenv(name)
        Sys.unsetenv(name)
        value
    }
    frames <- take_variable("FANFOLD_FRAMES") == "1"
    link <- take_variable("FANFOLD_FORK")
    link <- if (nzchar(link)) as.integer(link) else NULL
    if (is.null(link)) {
        streams <- call_native("fanfold_take_streams", source = integer(1), sink = integer(1))
    } else {
        if (!call_native("fanfold_settle_link", link, ok = integer(1))$ok) {
            message(
                "fanfold.R: a wrapper around the program (conda run, sudo) has closed descriptor ", link, ", by which ",
                "the worker asks for slots to be forked. Each slot prepares by itself, as with --prepare-each"
            )
            quit("no", 0)
        }
        take_variable("FANFOLD_SLOT") # of none, or of all
    }
    task <- list(seq = 0, attempt = 1, records = 0, slot = 1)

    read <- function(source, size) {
        got <- call_native("fanfold_read", source, bytes = raw(size), as.double(size), size = double(1))
        if (got$size < 0) stop("cannot read the input", call. = FALSE)
        if (got$size == size) got$bytes else head(got$bytes, got$size)
    }

    read_all <- function(source) {
        pieces <- list()
        repeat {
            piece <- read(source, 2^20)
            if (length(piece) == 0) return(as.raw(unlist(pieces)))
            pieces[[length(pieces) + 1]] <- piece
        }
    }

    # By bytes: otherwise one line that is invalid in the locale would make all of them NA.
    to_lines <- function(bytes) {
        if (length(bytes) == 0) return(character())
        zero <- call_native("fanfold_find_zero", bytes, as.double(length(bytes)), index = double(1))$index
        if (zero) {
            line <- sum(bytes[seq_len(zero)] == as.raw(10)) + 1
            stop("line ", line, " of the chunk has a byte 0, which R has no strings for: use text = FALSE", call. = FALSE)
        }
        lines <- strsplit(rawToChar(bytes), "\n", fixed = TRUE, useBytes = TRUE)[[1]]
        Encoding(lines) <- "unknown" # not "bytes"
        lines
    }

    # What came in has no mark, and is bytes: it goes out as it came. What R has marked is
    # text, and goes out in the encoding of the locale; in C and POSIX, which have none, as
    # UTF-8. R would translate all strings as soon as one is marked.
    from_lines <- function(lines) {
        if (!length(lines)) return(raw())
        marks <- Encoding(lines)
        ascii <- Sys.getlocale("LC_CTYPE") %in% c("C", "POSIX")
        for (mark in intersect(c("latin1", "UTF-8"), marks)) {
            if (mark == "UTF-8" && (ascii || l10n_info()[["UTF-8"]])) next
            marked <- which(marks == mark)
            lines[marked] <- translate(lines[marked], mark, if (ascii) "UTF-8" else "", marked)
        }
        Encoding(lines) <- "unknown"
        charToRaw(paste0(lines, "\n", collapse = ""))
    }

    translate <- function(lines, from, to, numbers) {
        translated <- iconv(lines, from, to)
        lost <- which(is.na(translated))
        if (length(lost)) {
            stop(
                "line ", numbers[lost[1]], " of the result has a character that the encoding of the locale lacks: ",
                "run under a locale of UTF-8, or return bytes: lapply(enc2utf8(lines), charToRaw)",
                call. = FALSE
            )
        }
        translated
    }

    # R's functions write <c3> for a byte, and <U+00E9> for a character, that the locale does
    # not know: where they join strings of several encodings, or put them out.
    check_rewritten <- function(result, lines) {
        if (l10n_info()[["UTF-8"]]) return()
        Encoding(result) <- "unknown"
        written <- "<[89a-f][0-9a-f]>|<U[+][0-9A-F]{4,8}>"
        suspects <- grep(written, result, perl = TRUE, useBytes = TRUE)
        found <- unique(unlist(regmatches(result[suspects], gregexpr(written, result[suspects], useBytes = TRUE))))
        has <- function(texts, part) grepl(part, texts, fixed = TRUE, useBytes = TRUE)
        for (word in found) {
            code <- strtoi(substring(word, 2, 3), 16L) # NA: of a character
            meant <- any(has(lines, word)) || (!is.na(code) && !any(has(lines, rawToChar(as.raw(code)))))
            if (!meant) {
                stop(
                    "line ", which(has(result, word))[1], " of the result has ", word, ", which R writes for what the locale ",
                    Sys.getlocale("LC_CTYPE"), " does not know: run under a locale of UTF-8, such as LC_ALL=C.UTF-8",
                    call. = FALSE
                )
            }
        }
    }

    # A result as bytes; stops with a reason if it is not one.
    bytes_of <- function(result, text) {
        if (is.raw(result)) return(as.vector(result))
        if (text && is.character(result)) return(from_lines(result))
        if (is.list(result) && all(vapply(result, is.raw, NA))) return(as.raw(unlist(result)))
        kind <- if (is.null(result)) "NULL" else class(result)[1]
        wanted <- if (text) "a character vector" else "a raw vector"
        hint <- ""
        if (text && (is.atomic(result) || is.factor(result)) && !is.null(result)) hint <- ": as.character() it"
        if (!text && is.character(result)) hint <- ": use text = TRUE, or charToRaw()"
        stop("process returned ", kind, ", not ", wanted, hint, call. = FALSE)
    }

    describe <- function(condition, calls) {
        call <- conditionCall(condition)
        where <- if (is.null(call)) "Error: " else paste0("Error in ", deparse(call)[1], ": ")
        words <- tryCatch(conditionMessage(condition), error = function(other) class(condition)[1])
        words <- as.character(words)
        Encoding(words) <- "unknown"
        names <- vapply(calls, function(call) deparse(call[[1]])[1], "")
        text <- paste0(where, paste(words, collapse = "\n"))
        if (length(names)) text <- paste0(text, "\nCalls: ", paste(names, collapse = " -> "))
        bytes <- charToRaw(text)
        bytes[seq_len(min(length(bytes), MESSAGE_BYTES))]
    }

    # Those of the active calls that belong to user code, whose function has this name here.
    user_calls <- function(calls, name) {
        from <- Position(function(call) identical(call[[1]], name), calls, right = TRUE)
        to <- Position(function(call) identical(call[[1]], quote(.handleSimpleError)), calls)
        if (is.na(from)) return(list())
        calls <- calls[from:(if (is.na(to)) length(calls) else to - 1)]
        Filter(function(call) !identical(call[[1]], quote(h)), calls)
    }

    # The value of the expression, or what `failed` makes of the bytes that describe its error.
    guard <- function(expression, name, failed) {
        calls <- list()
        tryCatch(
            withCallingHandlers(expression, error = function(condition) calls <<- user_calls(sys.calls(), name)),
            error = function(condition) failed(describe(condition, calls)),
            interrupt = function(condition) failed(charToRaw("interrupted"))
        )
    }

    # The result of a chunk, as bytes.
    answer <- function(program, chunk, state) {
        process <- program$process
        if (program$text) chunk <- to_lines(chunk)
        if (!is.null(program$seed)) seed_by(program$seed, task$seq)
        result <- process(chunk, state)
        if (program$text && is.character(result)) check_rewritten(result, chunk)
        bytes_of(result, program$text)
    }

    run <- function(program, chunk, state) {
        failed <- function(bytes) list(kind = ERROR, bytes = bytes)
        guard(list(kind = OK, bytes = answer(program, chunk, state)), quote(process), failed)
    }

    # ---- the beginning of a slot ----

    seed_by <- function(seed, number) set.seed(call_native("fanfold_mix_seed", seed, number, seed = integer(1))[[3]])

    # A forked slot has the state of the generator that the program had.
    seed_apart <- function() set.seed(call_native("fanfold_draw_seed", seed = integer(1))$seed)

    prepare_once <- function(program) {
        if (!is.null(program$seed)) seed_by(program$seed, -1)
        if (!is.null(program$prepare)) program$prepare()
    }

    # The state of this slot.
    begin_slot <- function(program, state, slot) {
        force(state) # prepared before, not when it is first looked at
        task$slot <<- slot
        prepare_slot <- program$prepare_slot
        if (is.null(prepare_slot)) return(state)
        if (!is.null(program$seed)) seed_by(program$seed, -1)
        own <- prepare_slot(state)
        if (is.null(own)) state else own
    }

    # ---- FRAMES/1, by hand, and FORK/1 ----

    respond <- function(sink, kind, number, bytes) {
        call_native("fanfold_respond", sink, kind, number, bytes, as.double(length(bytes)), ok = integer(1))$ok == 1
    }

    # Answers requests until there are no more, or nobody reads the answers.
    serve_frames <- function(program, state, slot, source, sink) {
        pid <- Sys.getpid()
        alive <- respond(sink, READY, 0, raw())
        while (alive) {
            request <- call_native("fanfold_read_request", source, numbers = double(5), ok = integer(1))
            if (!request$ok) break
            numbers <- request$numbers
            chunk <- read(source, numbers[2])
            if (length(chunk) < numbers[2]) break
            task <<- list(seq = numbers[3], attempt = numbers[4], records = numbers[5], slot = slot)
            answer <- run(program, chunk, state)
            if (Sys.getpid() != pid) call_native("fanfold_leave", 0L)
            alive <- respond(sink, answer$kind, numbers[1], answer$bytes)
            chunk <- answer <- NULL # before the wait for the next
        }
    }

    serve_one <- function(program, source, sink) {
        state <- begin_slot(program, prepare_once(program), 1L)
        bytes <- answer(program, read_all(source), state)
        written <- call_native("fanfold_write", sink, bytes, as.double(length(bytes)), ok = integer(1))$ok
        if (!written) stop("cannot write the result to standard output", call. = FALSE)
        invisible()
    }

    # R's own quit removes the temporary files, which belong to the parent.
    leave_by_quit <- function() {
        leave <- function(save, status = 0, runLast) call_native("fanfold_leave", as.integer(status))
        for (name in c("q", "quit")) {
            unlockBinding(name, baseenv())
            assign(name, leave, baseenv())
        }
    }

    # Prepares; fanfold_fork_slots then returns in every slot, and here once the worker is gone.
    serve_forks <- function(program) {
        state <- prepare_once(program)
        gc()
        slot <- call_native("fanfold_fork_slots", link, slot = integer(1), source = integer(1), sink = integer(1))
        if (slot$slot == 0) return(invisible())
        leave_by_quit()
        status <- 0L
        served <- function() {
            seed_apart()
            state <- begin_slot(program, state, slot$slot)
            serve_frames(program, state, slot$slot, slot$source, slot$sink)
        }
        guard(served(), quote(prepare_slot), function(bytes) {
            message("fanfold.R: slot ", slot$slot, " ends:\n", rawToChar(bytes))
            status <<- 1L
        })
        call_native("fanfold_leave", status)
    }

    serve <- function(program) {
        if (getOption("warn") == 0) options(warn = 1) # at once: R prints them late, at the top level
        if (!is.null(link)) {
            serve_forks(program)
        } else if (frames) {
            slot <- as.integer(Sys.getenv("FANFOLD_SLOT", "1"))
            state <- begin_slot(program, prepare_once(program), slot)
            serve_frames(program, state, slot, streams$source, streams$sink)
        } else {
            serve_one(program, streams$source, streams$sink)
        }
    }

    environment()
})

# Calls process(chunk, state) for each chunk, where state is what prepare() returned. A chunk
# is a raw vector, and so is the result (or a list of such). With text = TRUE both are
# character vectors, an element a line: bytes that came in go out as they came, in every
# locale.
#
# prepare_slot(state) runs once in each slot, before its first chunk. What it returns is the
# state of that slot; NULL leaves it that of prepare().
#
# Slots draw different random numbers. With a seed, a whole number, the generator begins again
# at each chunk, from the seed and the chunk's number: the same input gives the same output.
fanfold_serve <- function(process, prepare = NULL, text = FALSE, prepare_slot = NULL, seed = NULL) {
    if (!is.null(seed)) seed <- as.double(seed)
    program <- list(process = process, prepare = prepare, text = text, prepare_slot = prepare_slot, seed = seed)
    invisible(fanfold$serve(program))
}

# The task that process was called for: seq (from 0), attempt (from 1), records, slot (from 1).
fanfold_task <- function() fanfold$task
