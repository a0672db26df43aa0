package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/storage"
)

// keptFor is how long the answer to a request with an Idempotency-Key is kept.
const keptFor = 24 * time.Hour

// once is a write that happens once, however often its request is sent. Its
// answer commits with its effect, and is what every later request with the
// key is answered with. Refusals are not kept: nothing happened.
type once struct {
	key    string                 // in the store: who asks, and the key that was chosen
	action func() (string, error) // what was asked for, as a hash; of an upload once it has been read
	render func(*actions.Result) *keptAnswer
	answer *keptAnswer // set by the invoker
	replay bool        // answer is that of an earlier request
}

// keptAnswer is an answer as it is kept.
type keptAnswer struct {
	Action string      `json:"action"`
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
	Base64 bool        `json:"base64,omitempty"` // Body is no text
}

var errKept = errors.New("done before")

// keys are those whose first request this node is still at work on.
type keys struct{ busy sync.Map }

// once makes the write of a request with an Idempotency-Key happen once. done
// must be called when the request is over.
func (x *exchange) once(ctx context.Context, a actions.Action) (_ context.Context, o *once, done func(), err error) {
	done = func() {}
	if x.r.Method == http.MethodGet || x.r.Method == http.MethodHead || a.Common().DryRun || a.Common().Explain {
		return ctx, nil, done, nil
	}
	key, err := request.IdempotencyKey(x.r.Header)
	if key == "" || err != nil {
		return ctx, nil, done, err
	}
	style := "plain\x00"
	if x.envelope {
		style = "envelope\x00"
	}
	o = &once{key: digest(x.subject.ID + "\x00" + key), render: x.rendered}
	o.action = func() (string, error) {
		text, err := actions.Encode(a)
		return digest(style + string(text)), err
	}
	if _, busy := x.h.keys.busy.LoadOrStore(o.key, true); busy {
		return ctx, nil, done, &actions.Error{Code: actions.IdempotencyInFlight, Detail: "The first request with this Idempotency-Key is still at work.", Retry: 1}
	}
	return context.WithValue(ctx, alongKey{}, along(o)), o, func() { x.h.keys.busy.Delete(o.key) }, nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// begin takes the key in the transaction of the write; errKept says that o.answer
// is that of an earlier request.
func (o *once) begin(ctx context.Context, tx storage.Tx, now time.Time) error {
	kept, err := tx.Claim(ctx, o.key, now, now.Add(keptFor))
	if err != nil || kept == "" {
		return err
	}
	answer := &keptAnswer{}
	if err := json.Unmarshal([]byte(kept), answer); err != nil {
		return err
	}
	action, err := o.action()
	if err != nil {
		return err
	}
	if answer.Action != action {
		return actions.Errorf(actions.IdempotencyKeyReused, "This Idempotency-Key was used for another request; choose a new one for each thing to do.")
	}
	o.answer, o.replay = answer, true
	return errKept
}

// end stores the answer beside the effect.
func (o *once) end(ctx context.Context, tx storage.Tx, res *actions.Result) error {
	o.answer = o.render(res)
	var err error
	if o.answer.Action, err = o.action(); err != nil {
		return err
	}
	text, err := json.Marshal(o.answer)
	if err != nil {
		return err
	}
	return tx.Keep(ctx, o.key, string(text))
}

// rendered lays out an answer without sending it. It may be called again when a transaction is run again.
func (x *exchange) rendered(res *actions.Result) *keptAnswer {
	return x.keeping(func() { x.respond(res) })
}

// keeping takes what would be sent.
func (x *exchange) keeping(send func()) *keptAnswer {
	w := x.w
	x.kept = &keptAnswer{}
	x.w = &unsent{header: http.Header{}}
	defer func() { x.w, x.kept = w, nil }()
	send()
	return x.kept
}

// unsent has the header fields of an answer that is not sent.
type unsent struct{ header http.Header }

func (u *unsent) Header() http.Header         { return u.header }
func (u *unsent) WriteHeader(int)             {}
func (u *unsent) Write(b []byte) (int, error) { return len(b), nil }

// take notes what would have been sent.
func (k *keptAnswer) take(status int, header http.Header, body []byte) {
	k.Status, k.Header, k.Body = status, header.Clone(), string(body)
	if k.Base64 = !utf8.Valid(body); k.Base64 {
		k.Body = base64.StdEncoding.EncodeToString(body)
	}
}

// sendKept sends an answer that was kept, for the first time or again.
func (x *exchange) sendKept(k *keptAnswer, again bool) {
	h := x.w.Header()
	maps.Copy(h, k.Header)
	if again {
		h["Idempotency-Replayed"] = []string{"true"}
	}
	body := []byte(k.Body)
	if k.Base64 {
		body, _ = base64.StdEncoding.DecodeString(k.Body) // it was encoded by take
	}
	if len(body) == 0 {
		x.sendEmpty(k.Status)
		return
	}
	x.send(k.Status, body)
}
