package main

// What stands between plugin.go and the contract in C. Nothing in it depends on what the service does.

/*
#cgo CFLAGS: -I${SRCDIR}/include
#include "binding.h"
*/
import "C"

import (
	"runtime/cgo"
	"time"
	"unsafe"
)

// Service is called in this order, from one thread at a time.
type Service interface {
	Start() error
	Hear(kind string, message []byte) error
	Stop(within time.Duration) error
}

// Host is what prony offers, from any goroutine.
type Host interface {
	// Publish puts a JSON object on the bus. false: it is full, or the run is over for this service.
	Publish(kind string, message []byte) bool
	Log(level uint32, text string)
}

// Levels of a log line.
const (
	Warn  = C.PRONY_LOG_WARN
	Info  = C.PRONY_LOG_INFO
	Debug = C.PRONY_LOG_DEBUG
)

// A library needs no main, but Go wants one.
func main() {}

// A service, and how its messages become JSON.
type made struct {
	service Service
	host    *C.prony_host
}

func madeOf(handle C.uintptr_t) made { return cgo.Handle(handle).Value().(made) }

//export goCreate
func goCreate(options C.prony_text, host *C.prony_host, handle *C.uintptr_t, failure *C.prony_error) C.int32_t {
	return guarded(failure, func() error {
		service, err := New(C.GoBytes(unsafe.Pointer(options.data), C.int(options.length)), bus{host})
		if err == nil {
			*handle = C.uintptr_t(cgo.NewHandle(made{service, host}))
		}
		return err
	})
}

//export goStart
func goStart(handle C.uintptr_t, failure *C.prony_error) C.int32_t {
	return guarded(failure, func() error { return madeOf(handle).service.Start() })
}

//export goHear
func goHear(handle C.uintptr_t, kind, bytes C.prony_text, failure *C.prony_error) C.int32_t {
	return guarded(failure, func() error {
		own := madeOf(handle)
		json := C.json_of(own.host, bytes)
		if json.data == nil {
			return Failure{Malformed, "read a message: it is not MessagePack that JSON can say"}
		}
		defer C.free_text(json)
		message := C.GoBytes(unsafe.Pointer(json.data), C.int(json.length))
		return own.service.Hear(C.GoStringN(kind.data, C.int(kind.length)), message)
	})
}

//export goStop
func goStop(handle C.uintptr_t, deadline C.uint64_t, failure *C.prony_error) C.int32_t {
	return guarded(failure, func() error { return madeOf(handle).service.Stop(time.Duration(deadline)) })
}

//export goDestroy
func goDestroy(handle C.uintptr_t) {
	if handle != 0 { // 0: nothing was made
		cgo.Handle(handle).Delete()
	}
}

// The host that prony lends.
type bus struct{ host *C.prony_host }

func (to bus) Publish(kind string, message []byte) bool {
	name := []byte(kind)
	answer := C.give_message(to.host, at(name), C.size_t(len(name)), at(message), C.size_t(len(message)))
	return answer == C.PRONY_PUBLISHED
}

func (to bus) Log(level uint32, text string) {
	bytes := []byte(text)
	C.give_log(to.host, C.uint32_t(level), at(bytes), C.size_t(len(bytes)))
}
