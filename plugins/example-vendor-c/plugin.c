/* The API format of Example Vendor's servers. `CHANGE` marks what is theirs; the rest can stay. */
#include "prony_plugin.h"

/* Writes the content of a message: a lone text, or none, as a string, anything else as a list of parts. */
static int32_t write_content(const prony_message *message, const prony_request *request, const prony_error *error) {
    size_t at;
    if (message->part_count == 0 || (message->part_count == 1 && message->parts[0].kind == PRONY_PART_TEXT)) {
        prony_put_json(request, message->part_count == 0 ? prony_text_of("") : message->parts[0].data);
        return PRONY_OK;
    }
    prony_put(request, "[");
    for (at = 0; at < message->part_count; at++) {
        const prony_part *part = &message->parts[at];
        prony_put(request, at > 0 ? "," : "");
        if (part->kind == PRONY_PART_TEXT) {
            prony_put(request, "{\"type\":\"text\",\"text\":");
            prony_put_json(request, part->data);
            prony_put(request, "}");
        } else if (part->kind == PRONY_PART_IMAGE) {
            prony_put(request, "{\"type\":\"image_url\",\"image_url\":{\"url\":");
            prony_put_json(request, part->data);
            prony_put(request, "}}");
        } else {
            return prony_fail(error, PRONY_UNSUPPORTED, "write a part that is neither a text nor an image");
        }
    }
    prony_put(request, "]");
    return PRONY_OK;
}

/* Writes a request. Called from several threads at once. */
static int32_t format(void *endpoint, const prony_turn *turn, const prony_request *request, const prony_error *error) {
    size_t at;
    (void)endpoint;
    /* CHANGE: the body that the server takes. */
    prony_put(request, "{\"model\":");
    prony_put_json(request, turn->model);
    prony_put(request, ",\"messages\":[");
    for (at = 0; at < turn->message_count; at++) {
        int32_t failed;
        prony_put(request, at > 0 ? ",{\"role\":" : "{\"role\":");
        prony_put_json(request, turn->messages[at].role);
        prony_put(request, ",\"content\":");
        failed = write_content(&turn->messages[at], request, error);
        if (failed) {
            return failed;
        }
        prony_put(request, "}");
    }
    prony_put(request, turn->streaming ? "],\"stream\":true,\"stream_options\":{\"include_usage\":true}" : "],\"stream\":false");
    if (turn->max_tokens > 0) {
        prony_put(request, ",\"max_tokens\":");
        prony_put_number(request, turn->max_tokens);
    }
    prony_put(request, "}");
    request->merge(request, turn->extra_json); /* The user's own fields come last, and win. */
    return PRONY_OK;
}

/* Reads an event of a stream, or a whole response, which is read like one large event. */
static int32_t read_reply(prony_text bytes, const prony_events *out, const prony_error *error) {
    static const char *const of_a_reply[] = {"choices", "usage", "error"}; /* CHANGE: what is in a reply */
    static const char *const of_a_choice[] = {"index", "delta", "message", "finish_reason"};
    prony_text reply[3], choice[4], item = prony_json_nothing(), failure;
    prony_usage tokens = prony_no_usage();
    if (!prony_json_members(bytes, of_a_reply, reply, 3)) {
        return prony_fail(error, PRONY_MALFORMED, "read a reply: it is no JSON object");
    }
    while (prony_json_next(reply[0], &item) && prony_json_members(item, of_a_choice, choice, 4)) {
        const uint32_t index = (uint32_t)prony_json_number(choice[0], 0);
        const prony_text said = choice[1].data ? choice[1] : choice[2];
        out->json_text(out, PRONY_CONTENT, index, prony_json_get(said, "content")); /* CHANGE: where the text is */
        if (prony_json_is_string(choice[3])) {
            out->finish(out, index, prony_json_inner(choice[3]));
        }
    }
    tokens.prompt = prony_json_number(prony_json_get(reply[1], "prompt_tokens"), PRONY_ABSENT); /* CHANGE: token counts */
    tokens.completion = prony_json_number(prony_json_get(reply[1], "completion_tokens"), PRONY_ABSENT);
    if (tokens.completion != PRONY_ABSENT) {
        out->usage(out, &tokens);
    }
    failure = prony_json_get(reply[2], "message"); /* CHANGE: how an error looks */
    if (prony_json_is_string(failure)) {
        char message[512];
        out->error(out, 0, prony_text_of(""), prony_json_copy(failure, message, sizeof message));
    }
    return PRONY_OK;
}

static int32_t event(void *parser, prony_text name, prony_text bytes, const prony_events *out, const prony_error *error) {
    (void)parser, (void)name;
    if (prony_is(bytes, "[DONE]")) {
        out->done(out); /* CHANGE: how a stream ends */
        return PRONY_OK;
    }
    return read_reply(bytes, out, error);
}

static int32_t body(void *parser, uint32_t status, prony_text bytes, const prony_events *out, const prony_error *error) {
    (void)parser, (void)status;
    return read_reply(bytes, out, error);
}

/* It keeps nothing, neither of a run nor of a response: there is nothing to create and to destroy. */
static const prony_endpoint chat = {
    sizeof chat, "ExampleVendorC", NULL, NULL, format, NULL, NULL, event, body, NULL,
};
static const prony_endpoint *const endpoints[] = {&chat};

const prony_plugin prony_plugin_c_v1 = {sizeof prony_plugin_c_v1, PRONY_EPOCH, PRONY_MINOR, NULL, endpoints, 1, NULL, 0};

PRONY_PLUGIN_DESCRIPTOR("example-vendor-c", "0.1.0", PRONY_ENDPOINT_TYPE("ExampleVendorC", PRONY_NO_OPTIONS), PRONY_NONE);
