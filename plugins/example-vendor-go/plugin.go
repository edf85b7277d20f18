// The API format of Example Vendor's servers. `CHANGE` marks what is theirs; the rest can stay.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
)

// CHANGE: the body that the server takes.
type request struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options,omitempty"`
	MaxTokens     uint64         `json:"max_tokens,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type message struct {
	Role    string `json:"role"`
	Content any    `json:"content"`
}

type part struct {
	Type     string    `json:"type"`
	Text     *string   `json:"text,omitempty"`
	ImageURL *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL string `json:"url"`
}

// Format makes the body of a request, which is then written as JSON. It is called from several threads at once.
func Format(turn *Turn) (any, error) {
	body := request{Model: turn.Model, Messages: []message{}, Stream: turn.Streaming, MaxTokens: turn.MaxTokens}
	if turn.Streaming {
		body.StreamOptions = &streamOptions{IncludeUsage: true}
	}
	for _, said := range turn.Messages {
		content, err := content(said.Parts)
		if err != nil {
			return nil, err
		}
		body.Messages = append(body.Messages, message{Role: said.Role, Content: content})
	}
	return body, nil
}

// A lone text, or none, is a string; anything else is a list of parts.
func content(parts []Part) (any, error) {
	if len(parts) == 0 {
		return "", nil
	}
	if len(parts) == 1 && parts[0].Kind == Text {
		return parts[0].Data, nil
	}
	list := []part{}
	for at := range parts {
		switch parts[at].Kind {
		case Text:
			list = append(list, part{Type: "text", Text: &parts[at].Data})
		case Image:
			list = append(list, part{Type: "image_url", ImageURL: &imageURL{URL: parts[at].Data}})
		default:
			return nil, Failure{Unsupported, "write a part that is neither a text nor an image"}
		}
	}
	return list, nil
}

// CHANGE: what is in a reply. What is `any` or raw may be missing, or of another type.
type reply struct {
	Choices []struct {
		Index          uint32
		Delta, Message struct{ Content any }
		FinishReason   any `json:"finish_reason"`
	}
	Usage struct {
		PromptTokens     json.RawMessage `json:"prompt_tokens"`
		CompletionTokens json.RawMessage `json:"completion_tokens"`
	}
	Error struct{ Message any }
}

// ReadEvent reads the data of one event of a stream. Different responses are read at the same time.
func ReadEvent(data []byte, out Out) error {
	if string(data) == "[DONE]" {
		out.Done() // CHANGE: how a stream ends
		return nil
	}
	return ReadBody(data, out)
}

// ReadBody reads a whole response, which is read like one large event.
func ReadBody(data []byte, out Out) error {
	var found reply
	var otherType *json.UnmarshalTypeError // of a value, which is then as if it were missing
	err := json.Unmarshal(data, &found)
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) || err != nil && !errors.As(err, &otherType) {
		return Failure{Malformed, "read a reply: it is no JSON object"}
	}
	for _, choice := range found.Choices { // CHANGE: where the text is, and why it ends
		said := choice.Delta.Content
		if said == nil {
			said = choice.Message.Content
		}
		if text, isText := said.(string); isText {
			out.Text(choice.Index, text)
		} else if said != nil {
			return Failure{Malformed, "read a reply: its content is no text"}
		}
		if reason, isText := choice.FinishReason.(string); isText {
			out.Finish(choice.Index, reason)
		}
	}
	if completion := Count(found.Usage.CompletionTokens); completion != nil { // CHANGE: token counts
		out.Usage(Count(found.Usage.PromptTokens), completion)
	}
	if message, isText := found.Error.Message.(string); isText { // CHANGE: how an error looks
		out.Error(message)
	}
	return nil
}
