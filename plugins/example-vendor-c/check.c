/* What the API format writes and reads, tried through the tables that prony uses: `make check`. */
#include <stdio.h>
#include <stdlib.h>

#include "prony_plugin.h"

/* What the plugin has written or reported, and what was expected of it. */
static char seen[1 << 16];
static size_t seen_length;
static int failures;

static void note(prony_text text) {
    if (seen_length + text.length < sizeof seen) {
        memcpy(seen + seen_length, text.data, text.length);
        seen_length += text.length;
    }
    seen[seen_length] = 0;
}

/* What a call returned, and what was seen of it. */
static void expect(const char *what, int32_t returned, int32_t kind, const char *expected) {
    if (returned != kind) {
        fprintf(stderr, "%s:\n  expected %d\n  returned %d\n", what, (int)kind, (int)returned);
        failures++;
    }
    if (strcmp(seen, expected) != 0) {
        fprintf(stderr, "%s:\n  expected %s\n  found    %s\n", what, expected, seen);
        failures++;
    }
    seen_length = 0;
    seen[0] = 0;
}

/* A host that writes down what it is given. */
static void on_error_text(const prony_error *error, prony_text text) { (void)error, note(text); }
static void on_body(const prony_request *request, prony_text bytes) { (void)request, note(bytes); }
static void on_merge(const prony_request *request, prony_text object) { (void)request, note(object); }
static void on_json_text(const prony_events *out, uint32_t channel, uint32_t choice, prony_text value) {
    static char text[1 << 12];
    (void)out, (void)channel, (void)choice;
    note(prony_json_copy(value, text, sizeof text));
}
static void on_usage(const prony_events *out, const prony_usage *usage) {
    char text[64];
    (void)out;
    sprintf(text, "|%d tokens", (int)usage->completion);
    note(prony_text_of(text));
}
static void on_finish(const prony_events *out, uint32_t choice, prony_text reason) {
    (void)out, (void)choice, note(prony_text_of("|")), note(reason);
}
static void on_error(const prony_events *out, uint32_t code, prony_text type, prony_text message) {
    (void)out, (void)code, (void)type, note(message);
}
static void on_done(const prony_events *out) { (void)out, note(prony_text_of("|done")); }

static const prony_error words = {sizeof words, on_error_text, on_error_text};
static const prony_request request = {sizeof request, NULL, NULL, NULL, on_body, NULL, on_merge};
static const prony_events events = {
    sizeof events, NULL, on_json_text, on_usage, on_finish, on_error, NULL, NULL, NULL, NULL, NULL, on_done, NULL,
};

/* A file as a text. */
static prony_text file(const char *name) {
    static char bytes[1 << 16];
    prony_text text = {bytes, 0};
    FILE *opened = fopen(name, "rb");
    if (!opened) {
        perror(name);
        exit(1);
    }
    text.length = fread(bytes, 1, sizeof bytes, opened);
    fclose(opened);
    return text;
}

/* Hands over each line behind `data: `, up to one that fails. prony splits streams by all rules. */
static int32_t read_stream(const prony_endpoint *endpoint, prony_text stream) {
    const char *at = stream.data, *end = stream.data + stream.length, *line_end;
    int32_t returned = PRONY_OK;
    for (; returned == PRONY_OK && at < end; at = line_end + 1) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        if (line_end - at > 6 && memcmp(at, "data: ", 6) == 0) {
            const prony_text data = {at + 6, (size_t)(line_end - at - 6)};
            returned = endpoint->event(NULL, prony_text_of(""), data, &events, &words);
        }
    }
    return returned;
}

int main(void) {
    const prony_endpoint *endpoint = prony_plugin_c_v1.endpoints[0];
    prony_part part = {PRONY_PART_TEXT, 0, {NULL, 0}, {NULL, 0}};
    prony_message message = {{NULL, 0}, &part, 1};
    prony_turn turn;
    int32_t returned;
    part.data = prony_text_of("Say \"hi\"");
    message.role = prony_text_of("user");
    memset(&turn, 0, sizeof turn);
    turn.size = sizeof turn;
    turn.model = prony_text_of("vendor-1");
    turn.messages = &message;
    turn.message_count = 1;
    turn.max_tokens = 8;
    turn.extra_json = prony_text_of("{\"seed\":7}");

    expect("a turn becomes a request", endpoint->format(NULL, &turn, &request, &words), PRONY_OK,
           "{\"model\":\"vendor-1\",\"messages\":[{\"role\":\"user\",\"content\":\"Say \\\"hi\\\"\"}],"
           "\"stream\":false,\"max_tokens\":8}{\"seed\":7}");
    expect("a stream becomes an answer", read_stream(endpoint, file("tests/stream.sse")), PRONY_OK,
           "The capital is \"Paris\".|stop|6 tokens|done");
    returned = endpoint->body(NULL, 200, file("tests/answer.json"), &events, &words);
    expect("a whole answer is read as well", returned, PRONY_OK, "The capital is Paris.|stop|6 tokens");
    returned = endpoint->body(NULL, 429, prony_text_of("{\"error\":{\"message\":\"slow down\"}}"), &events, &words);
    expect("a refusal is an error", returned, PRONY_OK, "slow down");
    returned = endpoint->body(NULL, 200, prony_text_of("<html>"), &events, &words);
    expect("what is no JSON is malformed", returned, PRONY_MALFORMED, "read a reply: it is no JSON object");
    puts(failures ? "It does not do what it should." : "It does what it should.");
    return failures ? 1 : 0;
}
