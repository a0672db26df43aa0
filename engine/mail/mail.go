// Package mail sends the few messages that accounts need.
//
// A Sender takes one message. SMTP hands it to a mail server, Writer shows it
// where somebody who tries things out looks.
package mail

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Message is a text for one person.
type Message struct {
	To      string // an e-mail address
	Subject string
	Text    string
}

// A Sender sends messages. It is safe for concurrent use.
type Sender interface {
	// Send returns when the message is somebody else's to deliver.
	Send(ctx context.Context, m Message) error
}

// Writer shows messages in place of sending them.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter shows messages on w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Send implements Sender.
func (w *Writer) Send(_ context.Context, m Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintf(w.w, "mail to %s: %s\n  %s\n", m.To, m.Subject, strings.ReplaceAll(strings.TrimSpace(m.Text), "\n", "\n  "))
	return err
}
