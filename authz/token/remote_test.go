package token

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// issuer is somebody else's server of keys, with a clock to turn.
type issuer struct {
	*httptest.Server
	t       testing.TB
	fetched atomic.Int64
	mu      sync.Mutex
	answer  http.HandlerFunc
	now     time.Time
	log     bytes.Buffer
}

func newIssuer(t testing.TB, keys map[string]string) *issuer {
	t.Helper()
	i := &issuer{t: t, now: noon}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetched.Add(1)
		i.mu.Lock()
		answer := i.answer
		i.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(i.Close)
	i.publish(keys)
	return i
}

// publish serves the public keys of pairs, by kid.
func (i *issuer) publish(keys map[string]string) {
	i.t.Helper()
	var list []jwk
	for kid, name := range keys {
		j := jwkOf(pairs()[name].Public())
		j.Kid = kid
		list = append(list, j)
	}
	b, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		i.t.Fatal(err)
	}
	i.serve(func(w http.ResponseWriter, _ *http.Request) { w.Write(b) })
}

func (i *issuer) serve(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) clock() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

func (i *issuer) wait(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
}

// get is a Fetch without the care that a real one takes.
func get(ctx context.Context, url string, _ int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, errors.New(res.Status)
	}
	return io.ReadAll(res.Body)
}

// verifier trusts the issuer, and a secret of its own.
func (i *issuer) verifier() *Signer {
	i.t.Helper()
	remote, err := NewRemote(i.URL, get, i.clock, slog.New(slog.NewTextHandler(&i.log, nil)))
	if err != nil {
		i.t.Fatal(err)
	}
	s, err := New(Config{Secret: []byte(secret), Remote: remote, Issuer: "dowel", Audience: "dowel", Clock: i.clock})
	if err != nil {
		i.t.Fatal(err)
	}
	return s
}

// lasting is a token that outlives the test.
func lasting(t testing.TB, alg, name, kid string) string {
	t.Helper()
	return signAs(t, alg, pairs()[name], kid, fmt.Sprintf(`{"iss":"dowel","aud":"dowel","sub":"7","exp":%d}`, noon.Add(1000*time.Hour).Unix()))
}

// settle waits until no fetch runs.
func settle(t testing.TB, s *Signer) {
	t.Helper()
	r := s.cfg.Remote
	r.mu.Lock()
	flight := r.flight
	r.mu.Unlock()
	if flight != nil {
		<-flight
	}
}

func TestRemoteKeys(t *testing.T) {
	i := newIssuer(t, map[string]string{"a": "p256", "b": "rsa"})
	s := i.verifier()
	if i.fetched.Load() != 0 {
		t.Error("fetched before anybody asked")
	}
	if raw, err := s.Issue(Claims{Subject: "7"}); err != nil {
		t.Error(err)
	} else if c, err := s.Verify(t.Context(), raw); err != nil || c.Foreign || i.fetched.Load() != 0 {
		t.Errorf("our own token: %+v, %v, %d fetches", c, err, i.fetched.Load())
	}
	for name, row := range map[string]struct {
		raw string
		ok  bool
	}{
		"named":                {lasting(t, "ES256", "p256", "a"), true},
		"named, RSA":           {lasting(t, "PS256", "rsa", "b"), true},
		"not named":            {lasting(t, "ES256", "p256", ""), true},
		"of another key":       {lasting(t, "ES256", "other", "a"), false},
		"named wrongly":        {lasting(t, "ES256", "p256", "b"), false},
		"of an unknown key":    {lasting(t, "ES256", "other", "z"), false},
		"the secret, by a kid": {signAs(t, "HS256", []byte("a secret of nobody, that is long enough"), "a", claims("")), false},
	} {
		c, err := s.Verify(t.Context(), row.raw)
		if row.ok != (err == nil) || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && !c.Foreign {
			t.Errorf("%s: is taken for one of ours", name)
		}
	}
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// A new key is found when a token names it; made-up names cost one fetch each ten seconds.
func TestRemoteRotation(t *testing.T) {
	i := newIssuer(t, map[string]string{"a": "p256"})
	s := i.verifier()
	old, next := lasting(t, "ES256", "p256", "a"), lasting(t, "EdDSA", "ed", "b")
	if _, err := s.Verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	i.publish(map[string]string{"a": "p256", "b": "ed"})
	if _, err := s.Verify(t.Context(), next); !errors.Is(err, ErrInvalid) {
		t.Errorf("at once: %v", err)
	}
	i.wait(remotePause)
	if _, err := s.Verify(t.Context(), next); err != nil {
		t.Errorf("after the pause: %v", err)
	}
	for n := range 10_000 {
		if _, err := s.Verify(t.Context(), lasting2(n)); !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
	}
	settle(t, s)
	if n := i.fetched.Load(); n != 2 {
		t.Errorf("%d fetches for 10 000 unknown keys", n)
	}
	// The old key is withdrawn: refused a minute later, though it was verified before.
	i.publish(map[string]string{"b": "ed"})
	i.wait(remoteFresh)
	_, _ = s.Verify(t.Context(), old) // makes the fetch begin
	settle(t, s)
	if _, err := s.Verify(t.Context(), old); !errors.Is(err, ErrInvalid) {
		t.Errorf("of a key that was withdrawn: %v", err)
	}
	if _, err := s.Verify(t.Context(), next); err != nil {
		t.Error(err)
	}
}

// lasting2 is a token of a key that nobody has. Its signature is noise.
func lasting2(n int) string {
	return base64url.EncodeToString(fmt.Appendf(nil, `{"alg":"ES256","kid":"made up %d"}`, n)) + "." + base64url.EncodeToString([]byte(claims(""))) + ".AAAA"
}

// While the issuer is away its keys stay good for a day; then nothing is refused, and nothing accepted.
func TestRemoteAway(t *testing.T) {
	i := newIssuer(t, map[string]string{"a": "p256"})
	s := i.verifier()
	raw := lasting(t, "ES256", "p256", "a")
	i.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if _, err := s.Verify(t.Context(), raw); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInvalid) {
		t.Errorf("never reached: %v", err)
	}
	if _, err := s.Verify(t.Context(), sign(plainHeader, claims(""))); err != nil {
		t.Errorf("our own keys, meanwhile: %v", err)
	}
	i.publish(map[string]string{"a": "p256"})
	i.wait(remotePause)
	if _, err := s.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	i.serve(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`<html>`)) })
	for range 23 {
		i.wait(time.Hour)
		if _, err := s.Verify(t.Context(), raw); err != nil {
			t.Fatalf("the issuer is away: %v", err)
		}
		settle(t, s)
	}
	i.wait(2 * time.Hour)
	if _, err := s.Verify(t.Context(), raw); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after a day: %v", err)
	}
	i.publish(map[string]string{"a": "p256"})
	i.wait(remotePause)
	if _, err := s.Verify(t.Context(), raw); err != nil {
		t.Errorf("it is back: %v", err)
	}
	if !strings.Contains(i.log.String(), "could not be fetched") {
		t.Errorf("log: %s", i.log.String())
	}
}

func TestRemoteAnswersThatAreRefused(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("keys")) },
		"half of it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte(`{"keys":[]}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, nil)
			i.serve(answer)
			if _, err := i.verifier().Verify(t.Context(), lasting(t, "ES256", "p256", "a")); !errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
		})
	}
}

// Many requests at once are one fetch.
func TestRemoteFetchIsShared(t *testing.T) {
	i := newIssuer(t, map[string]string{"a": "p256"})
	s := i.verifier()
	raw := lasting(t, "ES256", "p256", "a")
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := s.Verify(t.Context(), raw); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestRemoteAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://id.example.com/.well-known/jwks.json": true,
		"http://127.0.0.1:9/jwks.json":                 true,
		"http://localhost/jwks.json":                   true,
		"http://[::1]:9/jwks.json":                     true,
		"http://id.example.com/jwks.json":              false,
		"http://127.0.0.1.example.com/jwks.json":       false,
		"http://10.0.0.1/jwks.json":                    false,
		"file:///etc/passwd":                           false,
		"jwks.json":                                    false,
		"https://user:secret@id.example.com/":          false,
		"ftp://127.0.0.1/":                             false,
		"":                                             false,
	} {
		if _, err := NewRemote(address, get, nil, nil); ok != (err == nil) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
