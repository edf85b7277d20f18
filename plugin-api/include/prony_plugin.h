/*
 * prony_plugin.h - the contract between prony and a plugin that is written in C, or in a language that can make C functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * A plugin is one shared library. It exports endpoints (API formats: how a request is written and a response is read) and
 * services (collectors and publishers that run beside the load). This header is all that it needs: C99 or C++11, no library.
 * It says the same as the Rust crate `prony-plugin-api`; README.md of that crate is the guide.
 *
 * WHAT A LIBRARY HAS
 *   - one PRONY_PLUGIN_DESCRIPTOR(...): what is in it. prony reads it from the file before it runs any code of it;
 *   - one `const prony_plugin prony_plugin_c_v1`: the tables of functions.
 *
 *   Beside it stands `plugins.yaml`, which gives each endpoint its name, its path and its abilities: docs/PLUGIN_MANIFEST.md of
 *   prony's repository has its keys.
 *
 * VERSIONS
 *   The contract has an epoch (in the name of the entry symbol) and a minor version. A newer minor only appends: fields at the
 *   ends of tables, numbers of enumerations. Every table begins with its own size in bytes, which its maker sets with sizeof.
 *   A reader uses no field that lies beyond that size. prony does so with your tables; do so with those of prony when you use a
 *   field that is marked with a later minor (PRONY_HAS). `prony_text`, `prony_part`, `prony_message` and `prony_usage` never
 *   change.
 *
 * THREADS
 *   An endpoint is shared: `format` and `parser` are called from several threads at once. A parser is used by one thread at a
 *   time, and so is a service. Different parsers are used at the same time. The functions of `prony_host` may be called from any
 *   thread, at any time. Those of `prony_request`, `prony_events` and `prony_error` may be called during the call that they
 *   were given to, from its thread, and never after it.
 *
 * OWNERSHIP
 *   Whoever made memory frees it. What prony hands to you is yours to read during the call: copy what you keep. What you hand to
 *   prony is copied during the call. An object that `create` or `parser` made is given to `destroy` or `parser_destroy` once,
 *   after its last other call; all parsers of an endpoint are destroyed before it. A `create` or `parser` that fails makes none.
 *   `prony_host` and the plugin's own tables are valid as long as the process lives. A library is never unloaded.
 *
 * ERRORS
 *   A function that can fail returns PRONY_OK, or a kind of error after it has told what happened: prony_fail(error,
 *   PRONY_CONFIG, "read the option `region`: it is empty"). The message fits after "failed to ...": lower case, with the value
 *   and the place, no full stop. Message and hint are cut off after 16 KiB.
 *
 * FAULTS
 *   There are no panics in C, and nothing stands between a fault and its process: a wild pointer, abort(), exit() and a stack
 *   that overflows end the process that the plugin runs in. That is prony itself, unless the manifest says `isolation: process` or
 *   the user says `--isolate NAME`: then it is a child process, and prony reports its death by name. No C++ exception, no
 *   longjmp and no panic of another language may leave a function of these tables.
 *   Do not change what belongs to the whole process: signal handlers, working directory, environment, umask, locale, standard
 *   output. Text that is not UTF-8, or a NULL with a length, is refused: the call fails as `malformed`.
 *
 * RESPONSES
 *   The host owns the socket and the clock. It splits a stream, stamps each read, and calls `event` for each piece; a response
 *   that does not stream goes to `body`, whatever its status. `end` follows, unless the connection broke or the response was
 *   over before. A stream is over with `done`, with `error`, or when each choice that was asked for has its `finish` and
 *   `usage` has come with it or within 250 ms: then no event is handed over any more, and the parser is destroyed. A response
 *   that ends without `done` or a `finish` is cut (`stream_cut`), and one that owes a text and has neither a text nor a `finish` is
 *   empty (`empty_answer`); both have failed. What a function of an endpoint does wrong costs its one request.
 *
 * SERVICES
 *   A service that overruns a deadline or returns an error has failed: the report says so by name, it is not called any more and
 *   cannot publish. If its manifest calls it `required`, the run ends. `start` is called when all services are initialized. Messages
 *   wait for it in a queue of 1024 messages and 64 MiB; more are lost and counted. It may have 1024 messages and 64 MiB waiting to be
 *   taken, and publish 10,000 messages and 64 MiB a second; more is refused and counted. Threads of its own are welcome; they must be
 *   gone when `stop` returns. docs/PLUGIN_MESSAGES.md of prony's repository has every type of message, with its fields and units.
 *
 * LIMITS
 *   A call of an endpoint returns within 5 s (`create`: 10 s); a call of a service within 5 s, `stop` within what it is told.
 *   What `event` is given has at most 64 MiB: one server-sent event, one line, or one read. What `body` is given has at most
 *   512 MiB. A response with more has failed, and the function is not called for it.
 *   One response may have 64 MiB of texts, tool calls, finish reasons and facts; 1024 channels, 1024 `finish`, 1024 tool calls;
 *   1,048,576 embeddings, ranked documents and media. A request: a body of 512 MiB, 1 MiB of path and headers, 256 headers.
 *   A count of tokens is below 2^32, a score is finite. A message has at most 16 MiB, its type 128 bytes. Beyond them the
 *   request or the message fails, with the plugin's name. All libraries in C of one process together have at most 64 endpoints
 *   and 64 services. A service hears at most 1024 types of messages.
 */
#ifndef PRONY_PLUGIN_H
#define PRONY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The contract's epoch: another one is another entry symbol. */
#define PRONY_EPOCH 1
/* The contract's minor version: what this header knows. */
#define PRONY_MINOR 4

/* The lowest minor version of a host that this library can do with. Define it before the #include if it is a higher one: hosts
   open libraries in C since minor 4. */
#ifndef PRONY_MIN_HOST_MINOR
#define PRONY_MIN_HOST_MINOR 4
#endif

/* What the library exports; everything else may be hidden (-fvisibility=hidden). */
#define PRONY_EXPORT __attribute__((visibility("default")))
#ifdef __APPLE__
#define PRONY_SECTION __attribute__((used, section("__DATA,__prony")))
#else
#define PRONY_SECTION __attribute__((used, section(".prony.plugin")))
#endif

/* Whether a table that somebody else made is large enough to have a field. */
#define PRONY_HAS(table, type, field) ((table)->size >= offsetof(type, field) + sizeof((table)->field))

/* ------------------------------------------------------------------------------------------------------------------ values */

/* Text: UTF-8 with a length, and no zero byte at its end. Where the text says "bytes", it may be anything. */
typedef struct prony_text {
    const char *data;
    size_t length;
} prony_text;

/* What a function that can fail returns. */
enum {
    PRONY_OK = 0,
    PRONY_CONFIG = 1,      /* an option has a wrong value: the user must change it */
    PRONY_MALFORMED = 2,   /* the response is not what this API format expects */
    PRONY_UNSUPPORTED = 3, /* the turn asks for something that this API format cannot say */
    PRONY_IO = 4           /* a file, a socket or a child process of the plugin's own failed */
};

/* Channels of generated text. */
enum { PRONY_CONTENT = 0, PRONY_REASONING = 1, PRONY_TOOL = 2, PRONY_REFUSAL = 3 };

/* Kinds of a part. A kind that you do not know is `unsupported`, never left out. */
enum {
    PRONY_PART_TEXT = 0,
    PRONY_PART_IMAGE = 1, /* a URL or a data URL, as the next two */
    PRONY_PART_AUDIO = 2,
    PRONY_PART_VIDEO = 3,
    PRONY_PART_RAW = 4,        /* JSON in the API format's own form, to be put in as it is */
    PRONY_PART_TOOL_CALL = 5,  /* name: the tool; data: a JSON object with the strings `id` and `arguments`; minor 2 */
    PRONY_PART_TOOL_RESULT = 6 /* name: the id of the call; data: a text; minor 2, both only with `supports_tools` */
};

/* Levels of a log line. */
enum { PRONY_LOG_ERROR = 1, PRONY_LOG_WARN = 2, PRONY_LOG_INFO = 3, PRONY_LOG_DEBUG = 4, PRONY_LOG_TRACE = 5 };

/* What `publish` answers. */
enum {
    PRONY_PUBLISHED = 0,
    PRONY_PUBLISH_FULL = 1,      /* lost and counted: the bus is full, or the service publishes too fast */
    PRONY_PUBLISH_CLOSED = 2,    /* the run is over for this service */
    PRONY_PUBLISH_TOO_LARGE = 3, /* larger than the limit: it would never be taken */
    PRONY_PUBLISH_MALFORMED = 4  /* no message: the type is not UTF-8, or the JSON is none */
};

/* A count of tokens that the server does not send, which is not zero. */
#define PRONY_ABSENT UINT64_MAX

/* Counts of tokens; begin with prony_no_usage(). */
typedef struct prony_usage {
    uint64_t prompt;
    uint64_t completion; /* reasoning included */
    uint64_t total;
    uint64_t reasoning;
    uint64_t cache_read;  /* of the prompt: read from a prefix cache */
    uint64_t cache_write; /* of the prompt: written to a prefix cache */
} prony_usage;

/* One piece of a message's content. */
typedef struct prony_part {
    uint32_t kind; /* PRONY_PART_... */
    uint32_t reserved;
    prony_text name; /* what the dataset calls it; often empty */
    prony_text data;
} prony_part;

/* One message of a conversation. */
typedef struct prony_message {
    prony_text role; /* `system`, `user`, `assistant` or `tool` */
    const prony_part *parts;
    size_t part_count;
} prony_message;

/* The turn to be formatted. */
typedef struct prony_turn {
    size_t size;
    prony_text model;
    const prony_message *messages; /* the conversation up to and with this turn, the oldest first */
    size_t message_count;
    uint64_t max_tokens; /* output tokens that the run asks for; 0: it asks for none */
    uint32_t streaming;  /* 1: the response shall stream */
    uint32_t turn_index; /* from 0 */
    prony_text request_id;
    prony_text conversation_id; /* the same for all turns of one conversation */
    prony_text extra_json;      /* an object: its members go into the body last and win; see `merge` */
    prony_text facts_json;      /* an object of further facts, each of which may be absent: host, base_path, path, has_api_key,
                                   previous_response_id, previous_messages, unix_time_s. README.md of the crate has their
                                   meaning, in the table of its part "Requests" */
} prony_turn;

/* ------------------------------------------------------------------------------------------------------ what prony offers */

/* Takes the words of an error. */
typedef struct prony_error prony_error;
struct prony_error {
    size_t size;
    void (*message)(const prony_error *error, prony_text text); /* what happened; a second one replaces the first */
    void (*hint)(const prony_error *error, prony_text text);    /* what the user can do about it */
};

/* Takes the request that `format` writes. Its headers have defaults: Content-Type, Accept, X-Request-ID, Authorization. */
typedef struct prony_request prony_request;
struct prony_request {
    size_t size;
    void (*path)(const prony_request *request, prony_text path); /* in place of the manifest's path */
    void (*header)(const prony_request *request, prony_text name, prony_text value); /* the user's of this name wins */
    /* Names the header that gets the prefix and the user's key, which the plugin never sees. */
    void (*api_key_header)(const prony_request *request, prony_text name, prony_text prefix);
    void (*body)(const prony_request *request, prony_text bytes); /* appends bytes */
    /* Appends a part: the body is then multipart/form-data. An empty file name or content type is left out. */
    void (*part)(const prony_request *request, prony_text name, prony_text file_name, prony_text content_type,
                 prony_text bytes);
    /* Puts the members of a JSON object into the body, which must be a JSON object when `format` returns: each replaces the
       one of its name. It is what the user's `extra_json` needs. `{}` changes nothing and costs nothing. */
    void (*merge)(const prony_request *request, prony_text object);
};

/* Takes what a response says. Nothing is allocated on the way. */
typedef struct prony_events prony_events;
struct prony_events {
    size_t size;
    /* Generated text of a choice. An empty text is no token. Report no text twice: the run counts tokens. */
    void (*text)(const prony_events *out, uint32_t channel, uint32_t choice, prony_text text);
    /* The same of a JSON string as it stands in the response, with its quotes and escapes. `null`, and a value that is not
       there, are no text; another value fails the call as malformed. */
    void (*json_text)(const prony_events *out, uint32_t channel, uint32_t choice, prony_text value);
    void (*usage)(const prony_events *out, const prony_usage *usage); /* the last one of a response stands */
    void (*finish)(const prony_events *out, uint32_t choice, prony_text reason); /* the choice is over: in the server's word */
    /* The server reports a failure: a code or 0, a type or nothing, a message. The request has failed then. */
    void (*error)(const prony_events *out, uint32_t code, prony_text type, prony_text message);
    void (*embedding)(const prony_events *out, uint32_t index, uint32_t dimensions);
    void (*ranking)(const prony_events *out, uint32_t index, double score);
    /* A generated medium: PRONY_PART_..., its content type, its bytes (0 when it is only linked), its URL or nothing. */
    void (*media)(const prony_events *out, uint32_t kind, prony_text content_type, uint64_t bytes, prony_text url);
    /* The response is not ready: the host waits, gets this path with the request's headers and key, and hands what comes to
       `body` of the same parser, whatever its status. A path with a slash in front stands below the base URL, one without below
       the request's own; a whole URL must be on the same server. */
    void (*follow_up)(const prony_events *out, prony_text path, uint64_t after_ms);
    /* `model` (which really ran), `response_id` (to which the next request of a conversation can refer), or one of your own,
       which is kept with the request. The last one of a name stands. */
    void (*fact)(const prony_events *out, prony_text name, prony_text value);
    void (*done)(const prony_events *out); /* the response is over: for end markers such as [DONE] */
    /* A piece of a call of a tool: the first id and name that are not empty stand, arguments are joined. Report it as a
       text of PRONY_TOOL, too, so that it is measured. Minor 1: a host that is older ignores it. */
    void (*tool_call)(const prony_events *out, uint32_t choice, uint32_t index, prony_text id, prony_text name,
                      prony_text arguments);
};

/* Takes a text that prony lends for the length of this call. */
typedef void (*prony_take)(void *context, prony_text text);

/* The host, for a library and for each of its services. A library that is no service has its log only: the other functions
   then say `closed`, 0 and `{}`. */
typedef struct prony_host prony_host;
struct prony_host {
    size_t size;
    uint32_t epoch;
    uint32_t minor;
    int32_t (*log_enabled)(const prony_host *host, uint32_t level, prony_text target); /* 1: somebody listens */
    void (*log)(const prony_host *host, uint32_t level, prony_text target, prony_text text);
    /* Puts a message on the bus, and never blocks: a type, and MessagePack with named fields. It goes into the journal, the
       report, and to each service that hears this type. Publish no secrets. */
    uint32_t (*publish)(const prony_host *host, prony_text type, prony_text message_pack);
    /* The same of the text of a JSON object, for whoever has no MessagePack. */
    uint32_t (*publish_json)(const prony_host *host, prony_text type, prony_text json);
    /* Reads a message that `on_message` was given as JSON. Returns 1, or 0 if it cannot be one (then nothing is taken). */
    int32_t (*message_json)(const prony_host *host, prony_text message_pack, void *context, prony_take take);
    uint64_t (*now_ns)(const prony_host *host); /* nanoseconds since the run's start, monotonic */
    /* The run as a JSON object, without secrets: run_id, urls (an array), model, endpoint_type, artifact_dir, wall_start_ns
       (nanoseconds since 1970 at the run's start), version, command, and config, whose fields change with prony's versions. */
    void (*run_facts)(const prony_host *host, void *context, prony_take take);
    void (*request_stop)(const prony_host *host, prony_text reason); /* asks for the end of the run */
};

/* ------------------------------------------------------------------------------------------------- what a library exports */

/* An API format. What may be NULL is marked; without the others the library is refused. */
typedef struct prony_endpoint {
    size_t size;
    const char *type_name; /* which a manifest's `class` ends with: letters, digits, `-` and `_` */
    /* Makes the endpoint of a run from its options, a JSON object. Ignore members you do not know: the same options go to every endpoint.
       `config` if one has a wrong value. NULL: there is nothing to make, and the others get NULL. */
    int32_t (*create)(prony_text options, const prony_host *host, void **endpoint, const prony_error *error);
    void (*destroy)(void *endpoint); /* may be NULL */
    /* Writes the request of one turn. The same turn makes the same request: no clock, no random numbers, no secrets. An error
       fails this request only. */
    int32_t (*format)(void *endpoint, const prony_turn *turn, const prony_request *request, const prony_error *error);
    /* Makes the parser of one response. NULL: a parser has no state, and gets NULL. */
    int32_t (*parser)(void *endpoint, void **parser, const prony_error *error);
    void (*parser_destroy)(void *parser); /* may be NULL */
    /* One server-sent event: its name (or nothing) and the bytes of its data. Or, as the manifest's `stream_framing` says, a
       line, or one read. What a server reports beside its events is an event named `error`. An error fails this request as a
       malformed response. */
    int32_t (*event)(void *parser, prony_text name, prony_text bytes, const prony_events *out, const prony_error *error);
    /* A whole response that did not stream, of any HTTP status. Report what an error body says with `out->error`. */
    int32_t (*body)(void *parser, uint32_t status, prony_text bytes, const prony_events *out, const prony_error *error);
    /* The response ended and nothing broke. Say `done` here if the API format has no end marker. May be NULL. */
    int32_t (*end)(void *parser, const prony_events *out, const prony_error *error);
} prony_endpoint;

/* A service: created, initialized, running, stopped. Its functions are called in this order, by one thread at a time. */
typedef struct prony_service {
    size_t size;
    const char *type_name;
    const char *const *subscriptions; /* types of messages that it wants to hear, as in the descriptor */
    size_t subscription_count;
    int32_t (*create)(prony_text options, const prony_host *host, void **service, const prony_error *error);
    int32_t (*init)(void *service, const prony_error *error);  /* prepares; messages may come from its end on; may be NULL */
    int32_t (*start)(void *service, const prony_error *error); /* begins its own work; may be NULL */
    /* One message: its type and the bytes of its MessagePack. May be NULL without subscriptions. */
    int32_t (*on_message)(void *service, prony_text type, prony_text bytes, const prony_error *error);
    /* Publishes what is left and ends its threads within so many nanoseconds; nothing of it runs after that. May be NULL. */
    int32_t (*stop)(void *service, uint64_t deadline_ns, const prony_error *error);
    void (*destroy)(void *service); /* may be NULL */
} prony_service;

/* The library. */
typedef struct prony_plugin {
    size_t size;
    uint32_t epoch; /* PRONY_EPOCH */
    uint32_t minor; /* PRONY_MINOR */
    /* Called once, before anything else. May be NULL. An error refuses the library. */
    int32_t (*init)(const prony_host *host, const prony_error *error);
    const prony_endpoint *const *endpoints;
    size_t endpoint_count;
    const prony_service *const *services;
    size_t service_count;
} prony_plugin;

/* The one entry symbol. Define it once: const prony_plugin prony_plugin_c_v1 = {sizeof(prony_plugin), PRONY_EPOCH, ...}; */
extern PRONY_EXPORT const prony_plugin prony_plugin_c_v1;

/* ------------------------------------------------------------------------------------------------------------- descriptor */

#define PRONY_DIGITS_OF(number) #number
#define PRONY_DIGITS(number) PRONY_DIGITS_OF(number)

#if defined(__clang__)
#define PRONY_COMPILER "clang " __VERSION__
#elif defined(__GNUC__)
#define PRONY_COMPILER "gcc " __VERSION__
#else
#define PRONY_COMPILER "unknown"
#endif

/* Compilers say whether they optimise, and not how much. "0" is a debug build, of which prony warns. */
#if defined(__OPTIMIZE_SIZE__)
#define PRONY_OPT_LEVEL "s"
#elif defined(__OPTIMIZE__)
#define PRONY_OPT_LEVEL "on"
#else
#define PRONY_OPT_LEVEL "0"
#endif

extern PRONY_EXPORT const char prony_plugin_descriptor[];

/* No endpoints, or no services. */
#define PRONY_NONE ""
/* Options of a type that takes none: prony then refuses any that a user sets. With "{}" it lets all through. */
#define PRONY_NO_OPTIONS "{\"type\":\"object\",\"properties\":{}}"

/* An endpoint in the descriptor: its type, and the JSON Schema of its options as a literal. Several: one behind the other, with
   "," between them. */
#define PRONY_ENDPOINT_TYPE(type, options) "{\"type\":\"" type "\",\"options\":" options "}"

/* A service: the same, and two JSON arrays of message types: what it hears and what it publishes. */
#define PRONY_SERVICE_TYPE(type, options, hears, publishes) \
    "{\"type\":\"" type "\",\"options\":" options ",\"subscriptions\":" hears ",\"publishes\":" publishes "}"

/* The descriptor: JSON in a section of its own. All four are literals:
   PRONY_PLUGIN_DESCRIPTOR("acme-chat", "0.1.0", PRONY_ENDPOINT_TYPE("AcmeChat", PRONY_NO_OPTIONS), PRONY_NONE); */
#define PRONY_PLUGIN_DESCRIPTOR(name, version, endpoints, services)                                                      \
    PRONY_DESCRIPTOR_WITH(name, version, "", endpoints, services)

/* The same, and what the library uses of the machine beside memory and processor, which users see before it is loaded: PRONY_NONE,
   or some of these with "," between them. A library that does not say it is shown as one that does not. A service in a process of
   its own is denied what its library does not state, where the kernel can do that.
   PRONY_PLUGIN_DESCRIPTOR_USING("acme-bill", "0.1.0", PRONY_USES_NETWORK "," PRONY_USES_THREADS, PRONY_NONE, ...); */
#define PRONY_PLUGIN_DESCRIPTOR_USING(name, version, uses, endpoints, services)                                          \
    PRONY_DESCRIPTOR_WITH(name, version, ",\"capabilities\":[" uses "]", endpoints, services)

/* It opens connections, or listens for some. */
#define PRONY_USES_NETWORK "\"network\""
/* It reads or writes files. */
#define PRONY_USES_FILES "\"files\""
/* It starts threads. */
#define PRONY_USES_THREADS "\"threads\""
/* It reads variables of the environment. */
#define PRONY_USES_ENVIRONMENT "\"environment\""

#define PRONY_DESCRIPTOR_WITH(name, version, more, endpoints, services)                                                  \
    PRONY_SECTION const char prony_plugin_descriptor[] =                                                                  \
        "{\"schema\":1,\"language\":\"c\",\"name\":\"" name "\",\"version\":\"" version                                   \
        "\",\"epoch\":" PRONY_DIGITS(PRONY_EPOCH) ",\"minor\":" PRONY_DIGITS(PRONY_MINOR)                                 \
        ",\"min_host_minor\":" PRONY_DIGITS(PRONY_MIN_HOST_MINOR) ",\"compiler\":\"" PRONY_COMPILER                       \
        "\",\"opt_level\":\"" PRONY_OPT_LEVEL "\"" more ",\"endpoints\":[" endpoints "],\"services\":[" services "]}"

/* ---------------------------------------------------------------------------------------------------------------- helpers */

/* A C string as a text. NULL is the empty text. */
static inline prony_text prony_text_of(const char *string) {
    prony_text text;
    text.data = string;
    text.length = string ? strlen(string) : 0;
    return text;
}

/* Whether a text is this C string. */
static inline int prony_is(prony_text text, const char *string) {
    const size_t length = strlen(string);
    return text.length == length && (length == 0 || memcmp(text.data, string, length) == 0);
}

/* Counts of tokens of which none is there. */
static inline prony_usage prony_no_usage(void) {
    prony_usage usage;
    memset(&usage, 0xff, sizeof usage);
    return usage;
}

/* Tells what happened, and returns the kind: return prony_fail(error, PRONY_MALFORMED, "read an event: it is no JSON"); */
static inline int32_t prony_fail(const prony_error *error, int32_t kind, const char *message) {
    error->message(error, prony_text_of(message));
    return kind;
}

/* Appends a C string to the body as it is. */
static inline void prony_put(const prony_request *request, const char *string) {
    request->body(request, prony_text_of(string));
}

/* Appends a text to the body as a JSON string, with quotes and escapes (RFC 8259, section 7). */
static inline void prony_put_json(const prony_request *request, prony_text text) {
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', '0', '0'};
    prony_text piece;
    size_t from = 0, at;
    prony_put(request, "\"");
    for (at = 0; at < text.length; at++) {
        const unsigned char byte = (unsigned char)text.data[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        piece.data = text.data + from;
        piece.length = at - from;
        if (piece.length > 0) {
            request->body(request, piece);
        }
        if (byte < 0x20) {
            escape[1] = 'u';
            escape[4] = hex[byte >> 4];
            escape[5] = hex[byte & 15];
            piece.length = 6;
        } else {
            escape[1] = (char)byte;
            piece.length = 2;
        }
        piece.data = escape;
        request->body(request, piece);
        from = at + 1;
    }
    piece.data = text.length > 0 ? text.data + from : text.data;
    piece.length = text.length - from;
    if (piece.length > 0) {
        request->body(request, piece);
    }
    prony_put(request, "\"");
}

/* Appends a whole number to the body. */
static inline void prony_put_number(const prony_request *request, uint64_t number) {
    char digits[20];
    prony_text text;
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number > 0);
    text.data = digits + at;
    text.length = sizeof digits - at;
    request->body(request, text);
}

/*
 * A reader of JSON (RFC 8259) that allocates nothing: a value is the text that it has in the response. What is not there, is
 * malformed, or is nested deeper than 128 levels is a text whose data is NULL; so is what is asked of such a value.
 */

/* The first byte behind white space. */
static inline const char *prony_json_space(const char *at, const char *end) {
    while (at < end && *at <= ' ' && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    return at;
}

/* Whether a quote, a backslash or a control character is among eight bytes: the high bit of a byte is set in the end. Bytes of
   which it is set from the beginning belong to characters that stand for themselves. */
static inline uint64_t prony_json_special(const char *at) {
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t bytes, quote, backslash;
    memcpy(&bytes, at, 8);
    quote = bytes ^ (ones * '"');
    backslash = bytes ^ (ones * '\\');
    return ((quote - ones) | (backslash - ones) | (bytes - ones * 0x20)) & ~bytes & (ones << 7);
}

/* The first byte that is not the plain text of a string, many bytes at a time. */
static inline const char *prony_json_plain(const char *at, const char *end) {
    while (end - at >= 32
           && !(prony_json_special(at) | prony_json_special(at + 8) | prony_json_special(at + 16) | prony_json_special(at + 24))) {
        at += 32;
    }
    while (end - at >= 8 && !prony_json_special(at)) {
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20) {
        at++;
    }
    return at;
}

/* Behind the string that begins here, or NULL. */
static inline const char *prony_json_skip_string(const char *at, const char *end) {
    if (at >= end || *at != '"') {
        return NULL;
    }
    for (at = prony_json_plain(at + 1, end); at < end && *at == '\\'; at = prony_json_plain(at + 2, end)) {
        if (end - at < 2) {
            return NULL;
        }
    }
    return at < end && *at == '"' ? at + 1 : NULL;
}

/* Behind digits, of which there must be one, or NULL. */
static inline const char *prony_json_skip_digits(const char *at, const char *end) {
    const char *from = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at > from ? at : NULL;
}

/* Behind the number that begins here, or NULL. */
static inline const char *prony_json_skip_number(const char *at, const char *end) {
    if (at < end && *at == '-') {
        at++;
    }
    at = prony_json_skip_digits(at, end);
    if (at && at < end && *at == '.') {
        at = prony_json_skip_digits(at + 1, end);
    }
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) {
            at++;
        }
        at = prony_json_skip_digits(at, end);
    }
    return at;
}

/* Behind the value that begins here, or NULL. */
static inline const char *prony_json_skip(const char *at, const char *end, unsigned levels) {
    char close;
    if (at >= end) {
        return NULL;
    }
    if (*at == '"') {
        return prony_json_skip_string(at, end);
    }
    if (*at == 't' || *at == 'n') {
        return end - at >= 4 && memcmp(at, *at == 't' ? "true" : "null", 4) == 0 ? at + 4 : NULL;
    }
    if (*at == 'f') {
        return end - at >= 5 && memcmp(at, "false", 5) == 0 ? at + 5 : NULL;
    }
    if (*at != '{' && *at != '[') {
        return prony_json_skip_number(at, end);
    }
    if (levels == 0) {
        return NULL;
    }
    close = *at == '{' ? '}' : ']';
    at = prony_json_space(at + 1, end);
    if (at < end && *at == close) {
        return at + 1;
    }
    while (at) {
        if (close == '}') {
            at = prony_json_skip_string(at, end);
            at = at ? prony_json_space(at, end) : NULL;
            if (!at || at == end || *at != ':') {
                return NULL;
            }
            at = prony_json_space(at + 1, end);
        }
        at = prony_json_skip(at, end, levels - 1);
        at = at ? prony_json_space(at, end) : NULL;
        if (!at || at == end || (*at != ',' && *at != close)) {
            return NULL;
        }
        if (*at == close) {
            return at + 1;
        }
        at = prony_json_space(at + 1, end);
    }
    return NULL;
}

/* A value that is not there. */
static inline prony_text prony_json_nothing(void) {
    return prony_text_of(NULL);
}

/* The value at the beginning of a text; white space around it, and whatever stands behind it, is left out. */
static inline prony_text prony_json_value(const char *at, const char *end) {
    prony_text value;
    const char *behind;
    at = at ? prony_json_space(at, end) : NULL;
    behind = at ? prony_json_skip(at, end, 128) : NULL;
    if (!behind) {
        return prony_json_nothing();
    }
    value.data = at;
    value.length = (size_t)(behind - at);
    return value;
}

/* The one value that a whole text is. Ask it first: what is inside a value is then known to be sound. */
static inline prony_text prony_json(prony_text text) {
    prony_text value;
    const char *end;
    if (!text.data) {
        return prony_json_nothing();
    }
    end = text.data + text.length;
    value = prony_json_value(text.data, end);
    if (!value.data || prony_json_space(value.data + value.length, end) != end) {
        return prony_json_nothing();
    }
    return value;
}

/* The member of an object. Its name is compared as it is written, without undoing escapes; the first of a name counts. */
static inline prony_text prony_json_get(prony_text object, const char *name) {
    const size_t length = strlen(name);
    const char *at = object.data, *end = object.data ? object.data + object.length : NULL;
    if (!at || object.length < 2 || *at != '{') {
        return prony_json_nothing();
    }
    at = prony_json_space(at + 1, end);
    while (at < end && *at == '"') {
        const char *key = at + 1, *behind = prony_json_skip_string(at, end);
        prony_text value;
        if (!behind) {
            return prony_json_nothing();
        }
        at = prony_json_space(behind, end);
        if (at == end || *at != ':') {
            return prony_json_nothing();
        }
        value = prony_json_value(at + 1, end);
        if (!value.data || ((size_t)(behind - 1 - key) == length && memcmp(key, name, length) == 0)) {
            return value;
        }
        at = prony_json_space(value.data + value.length, end);
        if (at == end || *at != ',') {
            return prony_json_nothing();
        }
        at = prony_json_space(at + 1, end);
    }
    return prony_json_nothing();
}

/* Several members of an object, in one pass that also checks the whole text: 1, or 0 where it is no object. A value that is not
   there, and every value where there is no object, is nothing. */
static inline int prony_json_members(prony_text text, const char *const *names, prony_text *values, size_t count) {
    const char *at = text.data, *end = text.data ? text.data + text.length : NULL;
    int is_object = 0;
    size_t name;
    for (name = 0; name < count; name++) {
        values[name] = prony_json_nothing();
    }
    at = at ? prony_json_space(at, end) : NULL;
    if (!at || at == end || *at != '{') {
        return 0;
    }
    at = prony_json_space(at + 1, end);
    is_object = at < end && *at == '}';
    while (!is_object && at < end) {
        const char *key = at + 1, *behind = prony_json_skip_string(at, end), *value;
        const size_t length = behind ? (size_t)(behind - 1 - key) : 0;
        at = behind ? prony_json_space(behind, end) : end;
        if (at == end || *at != ':') {
            break;
        }
        value = prony_json_space(at + 1, end);
        at = prony_json_skip(value, end, 128);
        if (!at) {
            break;
        }
        for (name = 0; name < count; name++) {
            if (!values[name].data && strncmp(names[name], key, length) == 0 && names[name][length] == 0) {
                values[name].data = value;
                values[name].length = (size_t)(at - value);
            }
        }
        at = prony_json_space(at, end);
        if (at == end || (*at != ',' && *at != '}')) {
            break;
        }
        is_object = *at == '}';
        at = is_object ? at : prony_json_space(at + 1, end);
    }
    if (is_object && prony_json_space(at + 1, end) == end) {
        return 1;
    }
    for (name = 0; name < count; name++) {
        values[name] = prony_json_nothing();
    }
    return 0;
}

/* The next item of an array: 1 and the item, or 0 at its end. Begin with an item of prony_json_nothing(). */
static inline int prony_json_next(prony_text array, prony_text *item) {
    const char *at = array.data, *end = array.data ? array.data + array.length : NULL;
    if (!at || array.length < 2 || *at != '[') {
        return 0;
    }
    at = prony_json_space(item->data ? item->data + item->length : at + 1, end);
    if (item->data && (at == end || *at++ != ',')) {
        return 0;
    }
    *item = prony_json_value(at, end);
    return item->data != NULL;
}

/* Whether a value is a string. */
static inline int prony_json_is_string(prony_text value) {
    return value.data && value.length >= 2 && value.data[0] == '"';
}

/* What stands between the quotes of a string, with its escapes: enough for ids, models and reasons. Else the empty text. */
static inline prony_text prony_json_inner(prony_text value) {
    prony_text inner = prony_text_of("");
    if (prony_json_is_string(value)) {
        inner.data = value.data + 1;
        inner.length = value.length - 2;
    }
    return inner;
}

/* The four hexadecimal digits of an escape, or 0x110000, which is no character. */
static inline uint32_t prony_json_hex(const char *at, const char *end) {
    uint32_t value = 0;
    int digit;
    if (end - at < 4) {
        return 0x110000;
    }
    for (digit = 0; digit < 4; digit++) {
        const char c = at[digit];
        const int is_letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!is_letter && (c < '0' || c > '9')) {
            return 0x110000;
        }
        value = value * 16 + (uint32_t)(is_letter ? (c & 7) + 9 : c - '0');
    }
    return value;
}

/* Writes a character as UTF-8, and returns how many bytes it has. */
static inline size_t prony_utf8(uint32_t c, char *to) {
    const size_t bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t at;
    for (at = bytes; at-- > 1; c >>= 6) {
        to[at] = (char)(0x80 | (c & 0x3f));
    }
    to[0] = (char)(first[bytes] | c);
    return bytes;
}

/* What a string says, without quotes and escapes, in a buffer of yours: cut off between two escapes where it does not fit, and
   the empty text if the value is no string. It needs as many bytes as the value has. Half a surrogate pair becomes U+FFFD. */
static inline prony_text prony_json_copy(prony_text value, char *buffer, size_t room) {
    static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    const prony_text inner = prony_json_inner(value);
    const char *at = inner.data, *end = inner.data + inner.length;
    prony_text copy;
    copy.data = buffer;
    copy.length = 0;
    while (at < end) {
        char character[4] = {*at, 0, 0, 0};
        const char *next = at + 1, *name;
        size_t length = 1;
        if (*at == '\\' && end - at >= 2 && at[1] != 'u') {
            name = strchr(names, at[1]);
            character[0] = name && *name ? bytes[name - names] : at[1];
            next = at + 2;
        } else if (*at == '\\' && end - at >= 2) {
            uint32_t c = prony_json_hex(at + 2, end), low = 0;
            if (end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
                low = prony_json_hex(at + 8, end);
            }
            next = at + (end - at < 6 ? end - at : 6);
            if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                next += 6;
            } else if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff) {
                c = 0xfffd;
            }
            length = prony_utf8(c, character);
        }
        if (length > room - copy.length) {
            break;
        }
        memcpy(buffer + copy.length, character, length);
        copy.length += length;
        at = next;
    }
    /* Not in the middle of a character: bytes that go on begin with the bits 10. */
    if (at < end) {
        while (copy.length > 0 && ((unsigned char)*at & 0xc0) == 0x80) {
            at--;
            copy.length--;
        }
    }
    return copy;
}

/* A whole number that is not negative and fits; otherwise what is given as `absent`. */
static inline uint64_t prony_json_number(prony_text value, uint64_t absent) {
    uint64_t number = 0;
    size_t at;
    if (!value.data || value.length == 0 || value.length > 19) {
        return absent;
    }
    for (at = 0; at < value.length; at++) {
        if (value.data[at] < '0' || value.data[at] > '9') {
            return absent;
        }
        number = number * 10 + (uint64_t)(value.data[at] - '0');
    }
    return number;
}

#ifdef __cplusplus
}
#endif

#endif /* PRONY_PLUGIN_H */
