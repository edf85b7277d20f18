// The API format of Example Vendor's servers. `CHANGE` marks what is theirs; the rest can stay.
#include "prony.hpp"

using prony::Failure;
using prony::Json;
using prony::lent;

namespace {

// Writes the content of a message: a lone text, or none, as a string, anything else as a list of parts.
void write_content(const prony_message &message, const prony_request *request) {
    if (message.part_count == 0 || (message.part_count == 1 && message.parts[0].kind == PRONY_PART_TEXT)) {
        prony_put_json(request, message.part_count == 0 ? lent("") : message.parts[0].data);
        return;
    }
    for (size_t at = 0; at < message.part_count; at++) {
        const prony_part &part = message.parts[at];
        prony_put(request, at == 0 ? "[" : ",");
        if (part.kind == PRONY_PART_TEXT) {
            prony_put(request, R"({"type":"text","text":)");
            prony_put_json(request, part.data);
            prony_put(request, "}");
        } else if (part.kind == PRONY_PART_IMAGE) {
            prony_put(request, R"({"type":"image_url","image_url":{"url":)");
            prony_put_json(request, part.data);
            prony_put(request, "}}");
        } else {
            throw Failure(PRONY_UNSUPPORTED, "write a part that is neither a text nor an image");
        }
    }
    prony_put(request, "]");
}

// The API format. One object serves a run, from several threads at once.
class Chat {
public:
    // CHANGE: read your options here, and keep them. A wrong one is `throw Failure(PRONY_CONFIG, "...")`.
    explicit Chat(Json) {}

    // Writes a request. CHANGE: the body that the server takes.
    void format(const prony_turn &turn, const prony_request *request) const {
        prony_put(request, R"({"model":)");
        prony_put_json(request, turn.model);
        prony_put(request, R"(,"messages":[)");
        for (size_t at = 0; at < turn.message_count; at++) {
            prony_put(request, at > 0 ? R"(,{"role":)" : R"({"role":)");
            prony_put_json(request, turn.messages[at].role);
            prony_put(request, R"(,"content":)");
            write_content(turn.messages[at], request);
            prony_put(request, "}");
        }
        prony_put(request, turn.streaming ? R"(],"stream":true,"stream_options":{"include_usage":true})" : R"(],"stream":false)");
        if (turn.max_tokens > 0) {
            prony_put(request, R"(,"max_tokens":)");
            prony_put_number(request, turn.max_tokens);
        }
        prony_put(request, "}");
        request->merge(request, turn.extra_json); // The user's own fields come last, and win.
    }
};

// The reader of one response. What it has to remember from event to event are members of it.
class Answer {
public:
    explicit Answer(const Chat &) {}

    void event(std::string_view, prony_text bytes, const prony_events *out) {
        if (prony_is(bytes, "[DONE]")) {
            out->done(out); // CHANGE: how a stream ends
            return;
        }
        read_reply(Json::of(bytes), out);
    }

    void body(uint32_t, prony_text bytes, const prony_events *out) { read_reply(Json::of(bytes), out); }

private:
    // Reads an event of a stream, or a whole response, which is read like one large event.
    static void read_reply(Json reply, const prony_events *out) {
        if (!reply.is_object()) {
            throw Failure(PRONY_MALFORMED, "read a reply: it is no JSON object");
        }
        reply["choices"].each([&](Json choice) { // CHANGE: where the text is, and why it ends
            const Json delta = choice["delta"], said = delta ? delta : choice["message"];
            const uint64_t count = choice["index"].count();
            const uint32_t index = count == PRONY_ABSENT ? 0 : static_cast<uint32_t>(count);
            out->json_text(out, PRONY_CONTENT, index, said["content"]);
            if (choice["finish_reason"].is_string()) {
                out->finish(out, index, lent(choice["finish_reason"].text()));
            }
        });
        prony_usage tokens = prony_no_usage();
        tokens.prompt = reply["usage"]["prompt_tokens"].count(); // CHANGE: token counts
        tokens.completion = reply["usage"]["completion_tokens"].count();
        if (tokens.completion != PRONY_ABSENT) {
            out->usage(out, &tokens);
        }
        const Json failure = reply["error"]["message"]; // CHANGE: how an error looks
        if (failure.is_string()) {
            out->error(out, 0, lent(""), lent(failure.text()));
        }
    }
};

constexpr prony_endpoint chat = prony::endpoint<Chat, Answer>("ExampleVendorCpp");
const prony_endpoint *const endpoints[] = {&chat};

} // namespace

const prony_plugin prony_plugin_c_v1 = {sizeof(prony_plugin), PRONY_EPOCH, PRONY_MINOR, nullptr, endpoints, 1, nullptr, 0};

PRONY_PLUGIN_DESCRIPTOR_USING("example-vendor-cpp", "0.1.0", PRONY_NONE, PRONY_ENDPOINT_TYPE("ExampleVendorCpp", PRONY_NO_OPTIONS), PRONY_NONE);
