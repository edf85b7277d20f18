// What a plugin in C++ needs beside the contract: errors as exceptions, JSON as values, the table of an endpoint made of two
// classes, and that of a service made of one. Nothing in it depends on the vendor.
#ifndef PRONY_HPP
#define PRONY_HPP

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "prony_plugin.h"

namespace prony {

// Text of prony's, and text for prony. What is lent must live as long as the call that it is given to.
inline std::string_view view(prony_text text) { return {text.data ? text.data : "", text.length}; }
inline prony_text lent(std::string_view text) { return {text.data(), text.size()}; }

// Why a call fails: the kind of the error, and words that fit behind "failed to".
struct Failure : std::runtime_error {
    Failure(int32_t what_kind, const std::string &words) : std::runtime_error(words), kind(what_kind) {}
    int32_t kind;
};

// Does what may throw. No exception leaves the library: it becomes the error of this call. A thread of your own has no such guard:
// there an exception ends the process.
template <typename Work> int32_t guarded(const prony_error *error, Work work) noexcept {
    try {
        work();
        return PRONY_OK;
    } catch (const Failure &failure) {
        // An error is never the number of success.
        return prony_fail(error, failure.kind == PRONY_OK ? static_cast<int32_t>(PRONY_IO) : failure.kind, failure.what());
    } catch (const std::exception &other) {
        error->hint(error, prony_text_of(other.what()));
        return prony_fail(error, PRONY_IO, "do what it was asked for: it threw an exception");
    } catch (...) {
        return prony_fail(error, PRONY_IO, "do what it was asked for: it threw something that is no exception");
    }
}

// A value of a JSON text, without a copy. What is not there is no value, and so is each member of it.
class Json {
public:
    explicit Json(prony_text checked) : value(checked) {}
    // The one value that a text is. No value if the text is not JSON.
    static Json of(prony_text text) { return Json(prony_json(text)); }
    // As it stands in the text, for prony's `json_text`.
    operator prony_text() const { return value; }
    explicit operator bool() const { return value.data != nullptr; }
    Json operator[](const char *name) const { return Json(prony_json_get(value, name)); }
    bool is_object() const { return value.length > 0 && *value.data == '{'; }
    bool is_string() const { return prony_json_is_string(value) != 0; }
    // A count, or PRONY_ABSENT.
    uint64_t count() const { return prony_json_number(value, PRONY_ABSENT); }
    // A string without its quotes and escapes, or the empty one.
    std::string text() const {
        std::string copy(value.length, '\0');
        copy.resize(prony_json_copy(value, &copy[0], copy.size()).length);
        return copy;
    }
    // Does something for each item of an array.
    template <typename Work> void each(Work work) const {
        for (prony_text item = prony_json_nothing(); prony_json_next(value, &item) != 0;) {
            work(Json(item));
        }
    }

private:
    prony_text value;
};

// The functions of an endpoint. `Endpoint` is made once in a run, from its options, and shared by threads; `Parser` is made for
// each response, and used by one thread at a time. prony gives each back once, to be deleted.
template <typename Endpoint, typename Parser> struct Functions {
    static int32_t create(prony_text options, const prony_host *, void **made, const prony_error *error) {
        return guarded(error, [&] { *made = std::make_unique<Endpoint>(Json::of(options)).release(); });
    }
    static void destroy(void *made) { delete static_cast<Endpoint *>(made); }
    static int32_t format(void *made, const prony_turn *turn, const prony_request *request, const prony_error *error) {
        return guarded(error, [&] { static_cast<const Endpoint *>(made)->format(*turn, request); });
    }
    static int32_t parser(void *made, void **parser, const prony_error *error) {
        return guarded(error, [&] { *parser = std::make_unique<Parser>(*static_cast<const Endpoint *>(made)).release(); });
    }
    static void parser_destroy(void *made) { delete static_cast<Parser *>(made); }
    static int32_t event(void *made, prony_text name, prony_text bytes, const prony_events *out, const prony_error *error) {
        return guarded(error, [&] { static_cast<Parser *>(made)->event(view(name), bytes, out); });
    }
    static int32_t body(void *made, uint32_t status, prony_text bytes, const prony_events *out, const prony_error *error) {
        return guarded(error, [&] { static_cast<Parser *>(made)->body(status, bytes, out); });
    }
};

// The table of an endpoint.
template <typename Endpoint, typename Parser> constexpr prony_endpoint endpoint(const char *type_name) {
    using Its = Functions<Endpoint, Parser>;
    return {sizeof(prony_endpoint), type_name,           Its::create, Its::destroy, Its::format, Its::parser,
            Its::parser_destroy,    Its::event, Its::body,   nullptr};
}

// A service. prony calls it from one thread at a time, in this order, and deletes it in the end. What it throws, it has failed by.
class Service {
public:
    virtual ~Service() = default;
    // Begins its own work: threads are welcome.
    virtual void start() {}
    // One message: its type, and the bytes of its MessagePack, which `message_json` of the host makes JSON of.
    virtual void on_message(std::string_view type, prony_text bytes) = 0;
    // Publishes what is left and ends its threads within so many nanoseconds.
    virtual void stop(uint64_t) {}
};

// The functions of a service. `Its` is a Service that is made from its options and the host.
template <typename Its> struct ServiceFunctions {
    static int32_t create(prony_text options, const prony_host *host, void **made, const prony_error *error) {
        return guarded(error, [&] { *made = static_cast<Service *>(new Its(Json::of(options), host)); });
    }
    static int32_t start(void *made, const prony_error *error) {
        return guarded(error, [&] { static_cast<Service *>(made)->start(); });
    }
    static int32_t on_message(void *made, prony_text type, prony_text bytes, const prony_error *error) {
        return guarded(error, [&] { static_cast<Service *>(made)->on_message(view(type), bytes); });
    }
    static int32_t stop(void *made, uint64_t deadline_ns, const prony_error *error) {
        return guarded(error, [&] { static_cast<Service *>(made)->stop(deadline_ns); });
    }
    static void destroy(void *made) { delete static_cast<Service *>(made); }
};

// The table of a service that hears these types of messages.
template <typename Its, size_t Count>
constexpr prony_service service(const char *type_name, const char *const (&hears)[Count]) {
    using Of = ServiceFunctions<Its>;
    return {sizeof(prony_service), type_name, hears,          Count,    Of::create,
            nullptr,               Of::start, Of::on_message, Of::stop, Of::destroy};
}

} // namespace prony

#endif // PRONY_HPP
