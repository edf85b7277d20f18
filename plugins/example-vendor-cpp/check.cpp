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

// What a call returned, and what was seen of it.
void expect(const char *what, int32_t returned, int32_t kind, const std::string &expected) {
    if (returned != kind) {
        std::fprintf(stderr, "%s:\n  expected %d\n  returned %d\n", what, static_cast<int>(kind), static_cast<int>(returned));
        failures++;
    }
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
        const int32_t created = endpoint->create(prony::lent("{}"), nullptr, &made, &error);
        expect("an endpoint is made", created, PRONY_OK, "");
        expect("a parser is made", endpoint->parser(made, &parser, &error), PRONY_OK, "");
    }
    Made(const Made &) = delete;
    Made &operator=(const Made &) = delete;
    ~Made() {
        endpoint->parser_destroy(parser);
        endpoint->destroy(made);
    }
    int32_t format(const prony_turn &turn) { return endpoint->format(made, &turn, &request, &error); }
    int32_t body(uint32_t status, const std::string &bytes) {
        return endpoint->body(parser, status, prony::lent(bytes), &out, &error);
    }
    // Hands over each line behind `data: `, up to one that fails. prony splits streams by all rules.
    int32_t stream(const std::string &bytes) {
        std::istringstream lines(bytes);
        int32_t returned = PRONY_OK;
        for (std::string line; returned == PRONY_OK && std::getline(lines, line);) {
            if (line.rfind("data: ", 0) == 0) {
                returned = endpoint->event(parser, prony::lent(""), prony::lent(std::string_view(line).substr(6)), &out, &error);
            }
        }
        return returned;
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

    expect("a turn becomes a request", Made().format(turn), PRONY_OK,
           R"({"model":"vendor-1","messages":[{"role":"user","content":"Say \"hi\""}],)"
           R"("stream":false,"max_tokens":8}{"seed":7})");
    expect("a stream becomes an answer", Made().stream(file("tests/stream.sse")), PRONY_OK,
           "The capital is \"Paris\".|stop|6 tokens|done");
    expect("a whole answer is read as well", Made().body(200, file("tests/answer.json")), PRONY_OK,
           "The capital is Paris.|stop|6 tokens");
    expect("a refusal is an error", Made().body(429, R"({"error":{"message":"slow down"}})"), PRONY_OK, "slow down");
    expect("what is no JSON is malformed", Made().body(200, "<html>"), PRONY_MALFORMED, "read a reply: it is no JSON object");
    part.kind = PRONY_PART_AUDIO;
    expect("what the API format cannot say is an error", Made().format(turn), PRONY_UNSUPPORTED,
           R"({"model":"vendor-1","messages":[{"role":"user","content":[write a part that is neither a text nor an image)");
    std::puts(failures > 0 ? "It does not do what it should." : "It does what it should.");
    return failures > 0 ? 1 : 0;
}
