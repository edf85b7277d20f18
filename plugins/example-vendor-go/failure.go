package main

// How a call fails. Nothing in it depends on what the library does.

/*
#cgo CFLAGS: -I${SRCDIR}/include
#include "binding.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Failure is why a call fails: its kind, and words that fit behind "failed to".
type Failure struct {
	Kind  int32
	Words string
}

// Kinds of a failure. One without a kind is of the kind IO.
const (
	Config      = C.PRONY_CONFIG
	Malformed   = C.PRONY_MALFORMED
	Unsupported = C.PRONY_UNSUPPORTED
	IO          = C.PRONY_IO
)

func (failure Failure) Error() string { return failure.Words }

// Does what may fail or panic. No panic leaves the library: it becomes the error of this call. A goroutine of your own has no such
// guard: there a panic ends the process.
func guarded(failure *C.prony_error, work func() error) (kind C.int32_t) {
	defer func() {
		if caught := recover(); caught != nil {
			kind = tell(failure, Failure{IO, fmt.Sprint("do what it was asked for: it panicked: ", caught)})
		}
	}()
	if err := work(); err != nil {
		return tell(failure, err)
	}
	return C.PRONY_OK
}

func tell(failure *C.prony_error, err error) C.int32_t {
	words := []byte(err.Error())
	C.give_words(failure, at(words), C.size_t(len(words)))
	return C.int32_t(kindOf(err))
}

// The kind of an error. None is that of success.
func kindOf(err error) int32 {
	var known Failure
	if !errors.As(err, &known) || known.Kind == C.PRONY_OK {
		return IO
	}
	return known.Kind
}

// Where bytes are. They are lent for the length of one call.
func at(bytes []byte) unsafe.Pointer {
	if len(bytes) == 0 {
		return nil
	}
	return unsafe.Pointer(&bytes[0])
}
