// Package webhooks tells other programs what happened, by POST.
//
// Messages are signed as Standard Webhooks has it (standardwebhooks.com):
// webhook-id is the same however often a message is sent, webhook-timestamp is
// when it was sent, and webhook-signature is an HMAC of both and the body, so that nobody
// else can make one or send an old one again.
//
// Addresses are the application's own choice, and still not trusted: what a name
// leads to is looked at when it is dialled, redirects are not followed, and an
// answer is read for as long and as far as is worth it.
package webhooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Target is where messages go.
type Target struct {
	URL     string
	Secret  []byte            // signs; at least 24 bytes
	Headers map[string]string // sent along
	Timeout time.Duration     // of one try, the answer included; 0 is DefaultTimeout
	// Private lets the name lead to addresses that are not public: of this machine or its network.
	Private bool
}

// DefaultTimeout is how long a target may take.
const DefaultTimeout = 5 * time.Second

// maxAnswer is how much of an answer is read, so that the connection can be used again.
const maxAnswer = 64 << 10

// ParseSecret reads whsec_ and base64, or takes a text of at least 24 bytes as it is.
func ParseSecret(text string) ([]byte, error) {
	secret := []byte(text)
	if encoded, ok := strings.CutPrefix(text, "whsec_"); ok {
		var err error
		if secret, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("what follows whsec_ is not base64")
		}
	}
	if len(secret) < 24 {
		return nil, errors.New("it has less than 24 bytes; `openssl rand -base64 24` makes one")
	}
	return secret, nil
}

// CheckURL refuses addresses that messages cannot be sent to.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("it is no URL")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return errors.New("it is no URL that begins with https://")
	case u.User != nil:
		return errors.New("it holds a password; use `headers`")
	case u.Fragment != "":
		return errors.New("it has a fragment, which is never sent")
	}
	return nil
}

// Sign is the value of webhook-signature.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Sender sends messages. It is safe for concurrent use.
type Sender struct {
	public, private *http.Client
	clock           func() time.Time
}

// NewSender makes a sender.
func NewSender(clock func() time.Time) *Sender {
	return &Sender{public: client(publicOnly), private: client(nil), clock: clock}
}

// client dials no address that control refuses. It takes no proxy from the environment, which would dial for it.
func client(control func(network, address string, c syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: DefaultTimeout, Control: control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: DefaultTimeout, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: 16 << 10, DisableCompression: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// errPrivate is an address that the outside must not make us ask.
var errPrivate = errors.New("it leads to an address that is not public")

// publicOnly looks at the address that is about to be dialled, whatever name it came from.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !public(at.Addr()) {
		return errPrivate
	}
	return nil
}

// reserved are networks that are nobody's, or somebody's own, beside those that package netip knows.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("100::/64"),
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Send sends one message. An error says why it was not taken: anything but a status of 2xx is a reason.
func (s *Sender) Send(ctx context.Context, t *Target, id string, body []byte) error {
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("its address is no URL")
	}
	for name, value := range t.Headers {
		r.Header.Set(name, value)
	}
	at := s.clock()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "dowel")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Webhook-Signature", Sign(t.Secret, id, at, body))
	c := s.public
	if t.Private {
		c = s.private
	}
	res, err := c.Do(r)
	if err != nil {
		return reason(ctx, err)
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fmt.Errorf("it answered %d, and redirects are not followed", res.StatusCode)
	case res.StatusCode < 200 || res.StatusCode >= 300:
		return fmt.Errorf("it answered %d", res.StatusCode)
	case err != nil && ctx.Err() != nil:
		return nil // it said that it has it; how long it goes on talking is its own business
	}
	return nil
}

// reason says what kept a message from being sent, without the address, which may hold a token.
func reason(ctx context.Context, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, errPrivate):
		return errPrivate
	case ctx.Err() != nil:
		return errors.New("it did not answer in time")
	case errors.As(err, &dns):
		return errors.New("its name is not known")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("it refused the connection")
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err
}
