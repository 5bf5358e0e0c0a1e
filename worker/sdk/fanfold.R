# SPDX-License-Identifier: MIT
#
# Programs for fanfold-worker --mode frames, in R:
#
#     source(file.path(Sys.getenv("FANFOLD_SDK"), "fanfold.R"))
#
#     fanfold_serve(
#         prepare = function() readRDS("model.rds"),          # once: what is costly
#         process = function(lines, model) predict(model, lines),  # for each chunk
#         text = TRUE
#     )
#
#     $ fanfold --mode frames -- Rscript classify.R < in > out
#
# `prepare` runs once a worker; the process is then forked for every slot, and what was
# prepared is shared memory for as long as nobody writes to it. With --prepare-each every
# slot runs `prepare` by itself. By hand, or as the command of a process a chunk, the same
# program reads its standard input as one chunk and writes the result.
#
# Results alone go to standard output. What is printed goes to standard error, and standard
# input is empty: from source() on. An error in `process` fails the chunk; the program lives
# on.

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

    # A variable that is not for programs which user code starts.
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
        call_native("fanfold_settle_link", link)
        take_variable("FANFOLD_SLOT") # of none, or of all
    }
    task <- list(seq = 0, attempt = 1, records = 0, slot = 1)

    read <- function(source, size) {
        got <- call_native("fanfold_read", source, bytes = raw(size), as.double(size), size = double(1))
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

    # By bytes, or all of the lines would be one NA where the locale knows one of them not.
    to_lines <- function(bytes) {
        if (length(bytes) == 0) return(character())
        lines <- strsplit(rawToChar(bytes), "\n", fixed = TRUE, useBytes = TRUE)[[1]]
        Encoding(lines) <- "unknown" # not "bytes"
        lines
    }

    from_lines <- function(lines) {
        if (!length(lines)) return(raw())
        charToRaw(paste0(lines, "\n", collapse = ""))
    }

    # A result as bytes; an error that says what is wrong with it.
    bytes_of <- function(result, text) {
        if (is.raw(result)) return(as.vector(result))
        if (text && is.character(result)) return(from_lines(result))
        if (is.list(result) && all(vapply(result, is.raw, NA))) return(as.raw(unlist(result)))
        kind <- if (is.null(result)) "NULL" else class(result)[1]
        wanted <- if (text) "a character vector" else "a raw vector"
        stop("process returned ", kind, ", not ", wanted, call. = FALSE)
    }

    describe <- function(condition, calls) {
        call <- conditionCall(condition)
        where <- if (is.null(call)) "Error: " else paste0("Error in ", deparse(call)[1], ": ")
        names <- vapply(calls, function(call) deparse(call[[1]])[1], "")
        text <- paste0(where, conditionMessage(condition))
        if (length(names)) text <- paste0(text, "\nCalls: ", paste(names, collapse = " -> "))
        bytes <- charToRaw(text)
        bytes[seq_len(min(length(bytes), MESSAGE_BYTES))]
    }

    # The calls of user code, of all that are under way.
    user_calls <- function(calls) {
        from <- Position(function(call) identical(call[[1]], quote(process)), calls, right = TRUE)
        to <- Position(function(call) identical(call[[1]], quote(.handleSimpleError)), calls)
        if (is.na(from)) return(list())
        calls <- calls[from:(if (is.na(to)) length(calls) else to - 1)]
        Filter(function(call) !identical(call[[1]], quote(h)), calls)
    }

    run <- function(process, chunk, state, text) {
        calls <- list()
        failure <- function(condition) list(kind = ERROR, bytes = describe(condition, calls))
        tryCatch(
            withCallingHandlers(
                {
                    if (text) chunk <- to_lines(chunk)
                    list(kind = OK, bytes = bytes_of(process(chunk, state), text))
                },
                error = function(condition) calls <<- user_calls(sys.calls())
            ),
            error = failure,
            interrupt = function(condition) list(kind = ERROR, bytes = charToRaw("interrupted"))
        )
    }

    respond <- function(sink, kind, number, bytes) {
        call_native("fanfold_respond", sink, kind, number, bytes, as.double(length(bytes)), ok = integer(1))$ok == 1
    }

    # Answers requests until there are none, or nobody wants the answers.
    serve_frames <- function(process, state, text, source, sink) {
        slot <- as.integer(Sys.getenv("FANFOLD_SLOT", "1"))
        pid <- Sys.getpid()
        alive <- respond(sink, READY, 0, raw())
        while (alive) {
            request <- call_native("fanfold_read_request", source, numbers = double(5), ok = integer(1))
            if (!request$ok) break
            numbers <- request$numbers
            chunk <- read(source, numbers[2])
            if (length(chunk) < numbers[2]) break
            task <<- list(seq = numbers[3], attempt = numbers[4], records = numbers[5], slot = slot)
            answer <- run(process, chunk, state, text)
            if (Sys.getpid() != pid) call_native("fanfold_leave", 0L)
            alive <- respond(sink, answer$kind, numbers[1], answer$bytes)
            chunk <- answer <- NULL # before the wait for the next
        }
    }

    serve_one <- function(process, prepare, text, source, sink) {
        state <- prepare()
        chunk <- read_all(source)
        if (text) chunk <- to_lines(chunk)
        bytes <- bytes_of(process(chunk, state), text)
        call_native("fanfold_write", sink, bytes, as.double(length(bytes)), ok = integer(1))
        invisible()
    }

    # R's own way to its end takes the temporary files away, which are the parent's.
    leave_by_quit <- function() {
        leave <- function(save, status = 0, runLast) call_native("fanfold_leave", as.integer(status))
        for (name in c("q", "quit")) {
            unlockBinding(name, baseenv())
            assign(name, leave, baseenv())
        }
    }

    # Prepares, then comes back in every slot, and once more when the worker is gone.
    serve_forks <- function(process, prepare, text) {
        state <- prepare()
        gc()
        slot <- call_native("fanfold_fork_slots", link, slot = integer(1), source = integer(1), sink = integer(1))
        if (slot$slot == 0) return(invisible())
        leave_by_quit()
        status <- 1L
        tryCatch({
            serve_frames(process, state, text, slot$source, slot$sink)
            status <- 0L
        }, error = function(condition) message(conditionMessage(condition)))
        call_native("fanfold_leave", status)
    }

    serve <- function(process, prepare, text) {
        if (is.null(prepare)) prepare <- function() NULL
        if (getOption("warn") == 0) options(warn = 1) # at once: there is no top level soon
        if (!is.null(link)) serve_forks(process, prepare, text)
        else if (frames) serve_frames(process, prepare(), text, streams$source, streams$sink)
        else serve_one(process, prepare, text, streams$source, streams$sink)
    }

    environment()
})

# Calls process(chunk, state) for each chunk, where state is what prepare() returned. A chunk
# is a raw vector, and so is the result (or a list of such). With text = TRUE both are
# character vectors, an element a line.
fanfold_serve <- function(process, prepare = NULL, text = FALSE) fanfold$serve(process, prepare, text)

# The task that process was called for: seq (from 0), attempt (from 1), records, slot (from 1).
fanfold_task <- function() fanfold$task
