/* How Go calls the functions that prony lends: cgo cannot call a pointer. */
#ifndef BINDING_H
#define BINDING_H

#include "prony_plugin.h"

static inline prony_text text_at(const void *data, size_t length) {
    prony_text text;
    text.data = (const char *)data;
    text.length = length;
    return text;
}

static inline void give_words(const prony_error *error, const void *data, size_t length) {
    error->message(error, text_at(data, length));
}

static inline void give_body(const prony_request *request, const void *data, size_t length, prony_text extra) {
    request->body(request, text_at(data, length));
    request->merge(request, extra);
}

static inline void give_text(const prony_events *out, uint32_t choice, const void *data, size_t length) {
    out->text(out, PRONY_CONTENT, choice, text_at(data, length));
}

static inline void give_finish(const prony_events *out, uint32_t choice, const void *data, size_t length) {
    out->finish(out, choice, text_at(data, length));
}

static inline void give_usage(const prony_events *out, uint64_t prompt, uint64_t completion) {
    prony_usage usage = prony_no_usage();
    usage.prompt = prompt;
    usage.completion = completion;
    out->usage(out, &usage);
}

static inline void give_error(const prony_events *out, const void *data, size_t length) {
    out->error(out, 0, prony_text_of(""), text_at(data, length));
}

static inline void give_done(const prony_events *out) {
    out->done(out);
}

#endif /* BINDING_H */
