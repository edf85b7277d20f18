// What the API format writes and reads, tried through the tables that prony uses: `ctest --test-dir build`.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "prony.hpp"

namespace {

// What the plugin has written or reported, and how often that was not what was expected.
std::string seen;
int failures = 0;

void note(prony_text text) { seen += prony::view(text); }

void expect(const char *what, const std::string &expected) {
    if (seen != expected) {
        std::fprintf(stderr, "%s:\n  expected %s\n  found    %s\n", what, expected.c_str(), seen.c_str());
        failures++;
    }
    seen.clear();
}

// A host that writes down what it is given.
prony_error words() {
    prony_error error = {};
    error.size = sizeof error;
    error.message = error.hint = [](const prony_error *, prony_text text) { note(text); };
    return error;
}

prony_request a_request() {
    prony_request request = {};
    request.size = sizeof request;
    request.body = request.merge = [](const prony_request *, prony_text bytes) { note(bytes); };
    return request;
}

prony_events events() {
    prony_events out = {};
    out.size = sizeof out;
    out.json_text = [](const prony_events *, uint32_t, uint32_t, prony_text value) { seen += prony::Json(value).text(); };
    out.usage = [](const prony_events *, const prony_usage *usage) {
        seen += "|" + std::to_string(usage->completion) + " tokens";
    };
    out.finish = [](const prony_events *, uint32_t, prony_text reason) { seen += "|", note(reason); };
    out.error = [](const prony_events *, uint32_t, prony_text, prony_text message) { note(message); };
    out.done = [](const prony_events *) { seen += "|done"; };
    return out;
}

std::string file(const char *name) {
    std::ifstream opened(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(opened), {}};
}

// An endpoint with a parser of one response, as prony makes and destroys them.
class Made {
public:
    Made() {
        endpoint->create(prony::lent("{}"), nullptr, &made, &error);
        endpoint->parser(made, &parser, &error);
    }
    Made(const Made &) = delete;
    Made &operator=(const Made &) = delete;
    ~Made() {
        endpoint->parser_destroy(parser);
        endpoint->destroy(made);
    }
    void format(const prony_turn &turn) { endpoint->format(made, &turn, &request, &error); }
    void body(uint32_t status, const std::string &bytes) {
        endpoint->body(parser, status, prony::lent(bytes), &out, &error);
    }
    // Hands over each line behind `data: `. prony splits streams by all rules.
    void stream(const std::string &bytes) {
        std::istringstream lines(bytes);
        for (std::string line; std::getline(lines, line);) {
            if (line.rfind("data: ", 0) == 0) {
                endpoint->event(parser, prony::lent(""), prony::lent(std::string_view(line).substr(6)), &out, &error);
            }
        }
    }

private:
    const prony_endpoint *endpoint = prony_plugin_c_v1.endpoints[0];
    prony_error error = words();
    prony_request request = a_request();
    prony_events out = events();
    void *made = nullptr, *parser = nullptr;
};

} // namespace

int main() {
    prony_part part = {PRONY_PART_TEXT, 0, {nullptr, 0}, prony::lent("Say \"hi\"")};
    const prony_message message = {prony::lent("user"), &part, 1};
    prony_turn turn = {};
    turn.size = sizeof turn;
    turn.model = prony::lent("vendor-1");
    turn.messages = &message;
    turn.message_count = 1;
    turn.max_tokens = 8;
    turn.extra_json = prony::lent(R"({"seed":7})");

    Made().format(turn);
    expect("a turn becomes a request", R"({"model":"vendor-1","messages":[{"role":"user","content":"Say \"hi\""}],)"
                                       R"("stream":false,"max_tokens":8}{"seed":7})");
    Made().stream(file("tests/stream.sse"));
    expect("a stream becomes an answer", "The capital is \"Paris\".|stop|6 tokens|done");
    Made().body(200, file("tests/answer.json"));
    expect("a whole answer is read as well", "The capital is Paris.|stop|6 tokens");
    Made().body(429, R"({"error":{"message":"slow down"}})");
    expect("a refusal is an error", "slow down");
    Made().body(200, "<html>");
    expect("what is no JSON is malformed", "read a reply: it is no JSON object");
    part.kind = PRONY_PART_AUDIO;
    Made().format(turn);
    expect("what the API format cannot say is an error",
           R"({"model":"vendor-1","messages":[{"role":"user","content":[write a part that is neither a text nor an image)");
    std::puts(failures > 0 ? "It does not do what it should." : "It does what it should.");
    return failures > 0 ? 1 : 0;
}
