/* How Go calls the functions that prony lends: cgo cannot call a pointer. */
#ifndef BINDING_H
#define BINDING_H

#include <stdlib.h>

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

static inline void give_log(const prony_host *host, uint32_t level, const void *data, size_t length) {
    host->log(host, level, prony_text_of("plugin"), text_at(data, length));
}

static inline uint32_t give_message(const prony_host *host, const void *type, size_t type_length, const void *json, size_t length) {
    return host->publish_json(host, text_at(type, type_length), text_at(json, length));
}

/* Copies a text that is lent. Without memory it stays nothing. */
static inline void copy_text(void *context, prony_text text) {
    prony_text *copy = (prony_text *)context;
    char *bytes = (char *)malloc(text.length > 0 ? text.length : 1);
    if (bytes) {
        memcpy(bytes, text.data, text.length);
        copy->data = bytes;
        copy->length = text.length;
    }
}

/* A message as JSON, to be freed; nothing where it can be none. */
static inline prony_text json_of(const prony_host *host, prony_text bytes) {
    prony_text copy = prony_json_nothing();
    host->message_json(host, bytes, &copy, copy_text);
    return copy;
}

static inline void free_text(prony_text text) {
    free((void *)text.data);
}

#endif /* BINDING_H */
