package engine_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
)

// provider is another issuer: it signs, and publishes its keys unless it is away.
func provider(t *testing.T) (signer *token.Signer, url string, away *atomic.Bool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.Parse(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "")
	if err != nil {
		t.Fatal(err)
	}
	if signer, err = token.New(token.Config{Keys: keys, Issuer: "dowel", Audience: "dowel"}); err != nil {
		t.Fatal(err)
	}
	away = &atomic.Bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write(signer.PublicKeys())
	}))
	t.Cleanup(s.Close)
	return signer, s.URL, away
}

func trusting(t *testing.T, url string) *token.Signer {
	t.Helper()
	remote, err := token.NewRemote(url, engine.FetchKeys, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := token.New(token.Config{Remote: remote, Issuer: "dowel", Audience: "dowel"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An application that trusts another issuer, and signs nothing itself.
func TestTokensOfAnotherIssuer(t *testing.T) {
	issuer, url, away := provider(t)
	app := enginetest.Open(t, team, enginetest.Options{Signer: trusting(t, url)})
	app.Make(t, "user", ann)
	app.Make(t, "task", `{"title": "Buy milk"}`)
	bearer := func(c token.Claims) string {
		raw, err := issuer.Issue(c)
		if err != nil {
			t.Fatal(err)
		}
		return "Authorization: Bearer " + raw
	}
	good := bearer(token.Claims{Subject: "1", Session: "theirs", Roles: []string{"manager"}})
	for _, row := range []struct {
		name, method, target, content string
		fields                        []string
		status                        int
		code                          string
	}{
		{"a token", "GET", "/api/tasks/1", "", []string{good}, 200, ""},
		{"its roles count", "PATCH", "/api/tasks/1", `{"title": "b"}`, []string{good}, 200, ""},
		{"less of them", "PATCH", "/api/tasks/1", `{"title": "b"}`, []string{bearer(token.Claims{Subject: "1", Roles: []string{"agent"}})}, 403, "forbidden"},
		{"whose it is", "GET", "/api/auth/me", "", []string{good}, 200, ""},
		{"twice", "GET", "/api/tasks/1", "", []string{good, good}, 401, "invalid-token"},
		{"two in one", "GET", "/api/tasks/1", "", []string{good + ", " + strings.TrimPrefix(good, "Authorization: ")}, 401, "invalid-token"},
		{"two words", "GET", "/api/tasks/1", "", []string{good + " x"}, 401, "invalid-token"},
		{"nothing", "GET", "/api/tasks/1", "", []string{"Authorization: Bearer"}, 401, "invalid-token"},
		{"another scheme", "GET", "/api/tasks/1", "", []string{"Authorization: Token x"}, 401, "invalid-token"},
		{"in the address", "GET", "/api/tasks/1?access_token=x", "", nil, 400, "bad-query"},
		{"too long", "GET", "/api/tasks/1", "", []string{"Authorization: Bearer " + strings.Repeat("x", 8<<10+1)}, 401, "invalid-token"},
		{"logging in here", "POST", "/api/auth/login", `{"email": "ann@x.io", "password": "correct horse"}`, nil, 501, "action-unavailable"},
		{"or again", "POST", "/api/auth/refresh", `{"refresh_token": "x"}`, nil, 501, "action-unavailable"},
		{"keys of our own", "GET", "/.well-known/jwks.json", "", nil, 404, "not-found"},
	} {
		res := app.Do(t, row.method, row.target, row.content, row.fields...)
		if res.Status != row.status || row.code != "" && !strings.Contains(res.Body, `"`+row.code+`"`) {
			t.Errorf("%s: %d %s", row.name, res.Status, res.Body)
		}
		if want := `error="invalid_token"`; row.code == "invalid-token" && !strings.Contains(res.Header.Get("WWW-Authenticate"), want) {
			t.Errorf("%s: WWW-Authenticate %q", row.name, res.Header.Get("WWW-Authenticate"))
		}
	}
	away.Store(true)
	if res := app.Do(t, "GET", "/api/tasks/1", "", good); res.Status != 200 {
		t.Errorf("while the issuer is away: %d", res.Status)
	}
	// A node that has never seen the keys cannot tell: it neither lets in nor refuses.
	late := enginetest.Open(t, team, enginetest.Options{Signer: trusting(t, url)})
	res := late.Do(t, "GET", "/api/tasks/1", "", good)
	if res.Status != 503 || !strings.Contains(res.Body, `"auth-unavailable"`) || res.Header.Get("Retry-After") == "" {
		t.Errorf("a new node meanwhile: %d %s", res.Status, res.Body)
	}
}

// Where a private key signs, its public part is there for everybody.
func TestPublishedKeys(t *testing.T) {
	issuer, _, _ := provider(t)
	app := enginetest.Open(t, team, enginetest.Options{Signer: issuer})
	app.Make(t, "user", ann)
	res := app.Do(t, "GET", "/.well-known/jwks.json", "")
	if res.Status != 200 || res.Header.Get("Content-Type") != "application/jwk-set+json" || res.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v", res.Status, res.Header)
	}
	keys, err := token.Parse([]byte(res.Body), "")
	if err != nil || len(keys) != 1 || keys[0].Signs() {
		t.Fatalf("%s: %v", res.Body, err)
	}
	if res := app.Do(t, "POST", "/.well-known/jwks.json", `{}`); res.Status != 405 || res.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("POST: %d %v", res.Status, res.Header)
	}
	if res := app.Do(t, "OPTIONS", "/.well-known/jwks.json", ""); res.Status != 204 {
		t.Errorf("OPTIONS: %d", res.Status)
	}
	login := app.Do(t, "POST", "/api/auth/login", `{"email": "ann@x.io", "password": "correct horse"}`)
	_, rest, _ := strings.Cut(login.Body, `"access_token":"`)
	raw, _, _ := strings.Cut(rest, `"`)
	others, err := token.New(token.Config{Keys: keys, Issuer: "dowel", Audience: "dowel"})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := others.Verify(t.Context(), raw); err != nil || c.Subject != "1" {
		t.Errorf("checked with what is published: %+v, %v", c, err)
	}
	secret := enginetest.Open(t, team, enginetest.Options{})
	if res := secret.Do(t, "GET", "/.well-known/jwks.json", ""); res.Status != 404 {
		t.Errorf("with a secret: %d", res.Status)
	}
}

// Guesses of tokens and keys are requests without credentials, and bounded like them.
func TestGuessesAreBounded(t *testing.T) {
	for name, guess := range map[string]string{"token": "a.b.c", "key": "dwl_aaaaaaaaaa_" + strings.Repeat("a", 52)} {
		app := enginetest.Open(t, team, enginetest.Options{Settings: engine.Settings{Rate: engine.Rate{Loopback: true, Anonymous: engine.Quota{N: 2, Per: time.Hour}}}})
		var got []int
		for range 3 {
			got = append(got, app.Do(t, "GET", "/api/tasks", "", "Authorization: Bearer "+guess).Status)
		}
		if !slices.Equal(got, []int{401, 401, 429}) {
			t.Errorf("%s: %v", name, got)
		}
		if res := app.Do(t, "GET", "/api/tasks", "", "Authorization: "+app.Bearer(t, "7", "agent")); res.Status != 200 {
			t.Errorf("%s: somebody with a good token: %d", name, res.Status)
		}
	}
}

// What is described about forgotten passwords is a document that tools take.
func TestMailIsDescribed(t *testing.T) {
	app := enginetest.Open(t, team, enginetest.Options{Mail: newOutbox(), Settings: engine.Settings{Mail: engine.Mail{From: "team@x.io"}}})
	for _, place := range []string{"/openapi.json", "/openapi-3.0.json"} {
		doc, err := openapi3.NewLoader().LoadFromData([]byte(app.Do(t, "GET", place, "").Body))
		if err != nil {
			t.Fatal(err)
		}
		if place == "/openapi-3.0.json" {
			if err := doc.Validate(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for path, status := range map[string]string{"/auth/forgot": "202", "/auth/reset": "204"} {
			if o := doc.Paths.Value(path).Post; o == nil || o.Responses.Value(status) == nil || o.RequestBody == nil {
				t.Errorf("%s: %s: %+v", place, path, o)
			}
		}
	}
}
