// SPDX-License-Identifier: MIT
//
// A plugin in C++: answers each line with the numbers of its words in a lexicon, which it
// reads once. A line that is "!eat" uses memory without end; "!throw" throws.
#include <fanfold.h>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{
using Lexicon = std::map<std::string, int>;

int prepare(int argc, char **argv, void **ret_state, struct fanfold_error *error)
{
    if (argc != 2)
        return fanfold_fail(error, 1, "expected a file of words, not %d arguments", argc - 1);
    std::ifstream file(argv[1]);
    if (!file)
        return fanfold_fail(error, 1, "cannot read %s", argv[1]);
    auto lexicon = std::make_unique<Lexicon>();
    for (std::string word; file >> word;)
        lexicon->emplace(word, static_cast<int>(lexicon->size()) + 1);
    *ret_state = lexicon.release();
    return 0;
}

[[noreturn]] void eat()
{
    for (std::vector<std::string> eaten;;)
        eaten.emplace_back(1 << 20, 'x');
}

std::string answer(const Lexicon &lexicon, const std::string &line)
{
    if (line == "!eat")
        eat();
    if (line == "!throw")
        throw std::runtime_error("this line is bad");
    std::istringstream words(line);
    std::string numbers;
    for (std::string word; words >> word;) {
        auto found = lexicon.find(word);
        numbers += (numbers.empty() ? "" : " ");
        numbers += found == lexicon.end() ? "?" : std::to_string(found->second);
    }
    return numbers + "\n";
}

int process(void *state, const struct fanfold_chunk *chunk, struct fanfold_output *output,
            struct fanfold_error *error)
{
    try {
        const auto &lexicon = *static_cast<const Lexicon *>(state);
        std::istringstream lines(
            std::string(reinterpret_cast<const char *>(chunk->data), chunk->size));
        for (std::string line; std::getline(lines, line);) {
            const std::string numbers = answer(lexicon, line);
            if (fanfold_write(output, numbers.data(), numbers.size()) != 0)
                return fanfold_fail(error, 1, "too long");
        }
        return 0;
    } catch (const std::exception &problem) {
        return fanfold_fail(error, 2, "%s", problem.what());
    }
}

void finish(void *state)
{
    delete static_cast<Lexicon *>(state);
}
} // namespace

FANFOLD_PLUGIN = {
    FANFOLD_PLUGIN_ABI, "lexicon", prepare, process, finish,
};
