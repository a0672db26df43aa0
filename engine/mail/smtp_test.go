package mail

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// postOffice speaks as much SMTP as a client needs, in the clear, and keeps
// what it was told. answers replace its own, by the verb they follow.
func postOffice(t *testing.T, answers map[string]string) (address string, heard func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	told := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				told <- converse(c, answers)
			}()
		}
	}()
	return l.Addr().String(), func() string {
		select {
		case s := <-told:
			return s
		case <-time.After(10 * time.Second):
			t.Fatal("nobody called")
			return ""
		}
	}
}

func converse(c net.Conn, answers map[string]string) string {
	var all strings.Builder
	fmt.Fprint(c, "220 post.test ESMTP\r\n")
	in := bufio.NewScanner(c)
	data := false
	for in.Scan() {
		line := in.Text()
		all.WriteString(line + "\n")
		if data {
			if line == "." {
				data = false
				fmt.Fprint(c, "250 taken\r\n")
			}
			continue
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		answer := map[string]string{"EHLO": "250-post.test\r\n250 8BITMIME", "DATA": "354 go on", "QUIT": "221 bye"}[verb]
		if own, ok := answers[verb]; ok {
			answer = own
		} else if answer == "" {
			answer = "250 ok"
		}
		fmt.Fprint(c, answer+"\r\n")
		data = verb == "DATA" && strings.HasPrefix(answer, "354")
		if verb == "QUIT" {
			break
		}
	}
	return all.String()
}

func TestSMTP(t *testing.T) {
	address, heard := postOffice(t, nil)
	s, err := NewSMTP("smtp://"+address, "Team <team@x.io>")
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), Message{To: "ann@x.io", Subject: "Grüße\r\nBcc: eve@x.io", Text: "one\n.\ntwo\n"})
	if err != nil {
		t.Fatal(err)
	}
	got := heard()
	for _, want := range []string{"MAIL FROM:<team@x.io>", "RCPT TO:<ann@x.io>", "Content-Type: text/plain", "Date: ", "Message-ID: ", "\none\n", "\ntwo\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if strings.Contains(got, "\nBcc:") || strings.Contains(got, "RCPT TO:<eve") {
		t.Errorf("a subject makes header fields: %s", got)
	}
}

func TestSMTPFails(t *testing.T) {
	for name, answers := range map[string]map[string]string{
		"no such box":   {"RCPT": "550 no such box"},
		"not this text": {"DATA": "554 no"},
		"not now":       {"MAIL": "451 later"},
	} {
		address, _ := postOffice(t, answers)
		s, err := NewSMTP("smtp://"+address, "team@x.io")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), Message{To: "ann@x.io", Subject: "s", Text: "t"}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s, err := NewSMTP("smtp://127.0.0.1:1", "team@x.io")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), Message{To: "ann@x.io"}); err == nil {
		t.Error("nobody there, no error")
	}
	if err := s.Send(t.Context(), Message{To: "not an address"}); err == nil || !strings.Contains(err.Error(), "recipient") {
		t.Error(err)
	}
}

func TestSMTPAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"smtp://mail.x.io": true, "smtps://me:secret@mail.x.io": true, "smtp://me@mail.x.io:25": true,
		"mail.x.io:25": false, "http://mail.x.io": false, "smtp://": false, "smtp://mail.x.io:0": false, "smtp://mail.x.io/path": false, "": false,
	} {
		if _, err := NewSMTP(address, "team@x.io"); ok != (err == nil) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := NewSMTP("smtp://mail.x.io", "nobody"); err == nil {
		t.Error("a sender without address was taken")
	}
}

func TestWriter(t *testing.T) {
	var b strings.Builder
	if err := NewWriter(&b).Send(t.Context(), Message{To: "ann@x.io", Subject: "s", Text: "one\ntwo\n"}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "mail to ann@x.io: s\n  one\n  two\n"; got != want {
		t.Errorf("%q", got)
	}
}
