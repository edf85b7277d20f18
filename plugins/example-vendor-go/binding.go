package main

// What stands between plugin.go and the contract in C. Nothing in it depends on the server.

/*
#cgo CFLAGS: -I${SRCDIR}/include
#include "binding.h"
*/
import "C"

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unsafe"
)

// Turn is what a request is to say.
type Turn struct {
	Model     string
	Messages  []Message // the conversation up to and with this turn, the oldest first
	MaxTokens uint64    // 0: the run asks for no number of output tokens
	Streaming bool
}

// Message is one message of a conversation.
type Message struct {
	Role  string
	Parts []Part
}

// Part is one piece of a message's content.
type Part struct {
	Kind uint32
	Data string // a text; or a URL or data URL
}

// Kinds of a part. A kind that you do not know is Unsupported, never left out.
const (
	Text  = C.PRONY_PART_TEXT
	Image = C.PRONY_PART_IMAGE
)

// Out takes what a response says.
type Out interface {
	Text(choice uint32, text string)
	Finish(choice uint32, reason string)
	Usage(prompt, completion *uint64) // nil: the server does not say
	Error(message string)
	Done()
}

// Count reads a number as it stands in JSON. nil: it is no whole number, or there is none.
func Count(text []byte) *uint64 {
	count, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return nil
	}
	return &count
}

// A library needs no main, but Go wants one.
func main() {}

//export goFormat
func goFormat(turn *C.prony_turn, request *C.prony_request, failure *C.prony_error) C.int32_t {
	return guarded(failure, func() error {
		body, err := Format(turnOf(turn))
		if err != nil {
			return err
		}
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(body); err != nil {
			return Failure{Unsupported, "write the body: " + err.Error()}
		}
		written := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
		// The user's own fields come last, and win.
		C.give_body(request, at(written), C.size_t(len(written)), turn.extra_json)
		return nil
	})
}

//export goEvent
func goEvent(data C.prony_text, out *C.prony_events, failure *C.prony_error) C.int32_t {
	return guarded(failure, func() error { return ReadEvent(lent(data), events{out}) })
}

//export goBody
func goBody(data C.prony_text, out *C.prony_events, failure *C.prony_error) C.int32_t {
	return guarded(failure, func() error { return ReadBody(lent(data), events{out}) })
}

// Sends what a response says to prony.
type events struct{ to *C.prony_events }

func (out events) Text(choice uint32, text string) {
	bytes := []byte(text)
	C.give_text(out.to, C.uint32_t(choice), at(bytes), C.size_t(len(bytes)))
}

func (out events) Finish(choice uint32, reason string) {
	bytes := []byte(reason)
	C.give_finish(out.to, C.uint32_t(choice), at(bytes), C.size_t(len(bytes)))
}

func (out events) Usage(prompt, completion *uint64) {
	C.give_usage(out.to, count(prompt), count(completion))
}

func (out events) Error(message string) {
	bytes := []byte(message)
	C.give_error(out.to, at(bytes), C.size_t(len(bytes)))
}

func (out events) Done() { C.give_done(out.to) }

func count(known *uint64) C.uint64_t {
	if known == nil {
		return C.PRONY_ABSENT
	}
	return C.uint64_t(*known)
}

// The bytes of a text of prony's, for the length of this call.
func lent(text C.prony_text) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(text.data)), int(text.length))
}

func turnOf(turn *C.prony_turn) *Turn {
	copied := &Turn{
		Model:     string(lent(turn.model)),
		MaxTokens: uint64(turn.max_tokens),
		Streaming: turn.streaming != 0,
	}
	for _, message := range unsafe.Slice(turn.messages, int(turn.message_count)) {
		parts := []Part{}
		for _, part := range unsafe.Slice(message.parts, int(message.part_count)) {
			parts = append(parts, Part{Kind: uint32(part.kind), Data: string(lent(part.data))})
		}
		copied.Messages = append(copied.Messages, Message{Role: string(lent(message.role)), Parts: parts})
	}
	return copied
}
