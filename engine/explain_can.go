package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// mostQuestions is how many questions one request may ask.
const mostQuestions = 100

// can answers questions about rights, so that clients need not try what would be
// refused: {"actions": {name: {verb, class, id}}} or a list of them is answered with
// {"actionResults": {name: true}} or a list of booleans. Whoever asks, asks about themselves.
func (x *exchange) can(ctx context.Context) {
	content, err := x.object()
	if err != nil {
		x.fail(err)
		return
	}
	names, questions, err := questionsOf(content)
	if err != nil {
		x.fail(err)
		return
	}
	open, shut := byte('{'), byte('}')
	if names == nil {
		open, shut = '[', ']'
	}
	b := append([]byte(`{"actionResults":`), open)
	for i, q := range questions {
		may, err := x.may(ctx, q)
		if err != nil {
			at := itoa(i)
			if names != nil {
				at = names[i]
			}
			x.fail(atQuestion(err, "/actions"+pointer(at)))
			return
		}
		if i > 0 {
			b = append(b, ',')
		}
		if names != nil {
			b = append(schema.AppendQuoted(b, names[i]), ':')
		}
		b = append(b, may...)
	}
	x.sendDocument(200, append(b, shut, '}'))
}

// may answers one question. An organization that the subject is not in is one that is not there.
func (x *exchange) may(ctx context.Context, q *actions.Can) ([]byte, error) {
	r, err := x.rev.Invoke(ctx, x.subject, q)
	var refused *actions.Error
	if errors.As(err, &refused) && (refused.Code == actions.NotFound || refused.Code == actions.AuthenticationRequired || refused.Code == actions.Forbidden) {
		return []byte("false"), nil
	}
	if err != nil {
		return nil, err
	}
	return r.Raw, nil
}

// atQuestion puts the place of a question in front of those of its problems.
func atQuestion(err error, at string) error {
	var refused *actions.Error
	if !errors.As(err, &refused) {
		return err
	}
	out := *refused
	out.Errors = nil
	for _, p := range refused.Errors {
		p.Pointer = at + p.Pointer
		out.Errors = append(out.Errors, p)
	}
	return &out
}

// questionsOf reads the questions in their order; names is nil for a list.
func questionsOf(content map[string]json.RawMessage) (names []string, questions []*actions.Can, err error) {
	var problems []actions.Problem
	raw, given := content["actions"]
	if !given {
		problems = append(problems, actions.Problem{Code: "required", Detail: "`actions` is required.", Pointer: "/actions"})
	}
	for name := range content {
		if name != "actions" {
			problems = append(problems, actions.Problem{Code: "unknown", Detail: "There is no member `" + clip(name) + "` here.", Pointer: pointer(name)})
		}
	}
	if problems != nil {
		return nil, nil, actions.Invalid(problems...)
	}
	raw = bytes.TrimSpace(raw)
	d := json.NewDecoder(bytes.NewReader(raw))
	switch raw[0] {
	case '{':
		names = []string{}
	case '[':
	default:
		return nil, nil, actions.Invalid(actions.Problem{Code: "type", Detail: "`actions` is an object of questions by their names, or a list of them.", Pointer: "/actions"})
	}
	_, _ = d.Token() // the content is JSON: it was checked
	for i := 0; d.More(); i++ {
		if i == mostQuestions {
			return nil, nil, actions.Invalid(actions.Problem{Code: "too-many", Detail: "At most " + itoa(mostQuestions) + " questions are answered at once.", Pointer: "/actions"})
		}
		at := itoa(i)
		if names != nil {
			t, _ := d.Token()
			name, _ := t.(string)
			names, at = append(names, name), name
		}
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, nil, actions.Errorf(actions.BadContent, "The content is no JSON.")
		}
		q, found := questionOf(one, "/actions"+pointer(at))
		problems = append(problems, found...)
		questions = append(questions, q)
	}
	if problems != nil {
		return nil, nil, actions.Invalid(problems...)
	}
	return names, questions, nil
}

// questionOf reads one question: {verb, class, id, tenant}.
func questionOf(raw json.RawMessage, at string) (*actions.Can, []actions.Problem) {
	q := &actions.Can{}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return q, []actions.Problem{{Code: "type", Detail: "A question is an object: {verb, class, id}.", Pointer: at}}
	}
	known := []struct {
		name     string
		to       *string
		required bool
	}{{"verb", &q.Right, true}, {"class", &q.Class, true}, {"id", &q.ID, false}, {"tenant", &q.Tenant, false}}
	var problems []actions.Problem
	var names []string
	for _, k := range known {
		names = append(names, k.name)
		v, given := members[k.name]
		delete(members, k.name)
		switch {
		case !given && k.required:
			problems = append(problems, actions.Problem{Code: "required", Detail: "`" + k.name + "` is required.", Pointer: at + pointer(k.name)})
		case !given:
		case (k.name == "id" || k.name == "tenant") && isNumber(v):
			*k.to = string(v) // ids of most classes are numbers
		case json.Unmarshal(v, k.to) != nil || v[0] != '"':
			problems = append(problems, actions.Problem{Code: "type", Detail: "`" + k.name + "` must be a string.", Pointer: at + pointer(k.name)})
		}
	}
	for name := range members {
		p := actions.Problem{Code: "unknown", Detail: "There is no member `" + clip(name) + "` here.", Pointer: at + pointer(name)}
		if near := diag.Suggest(name, names); near != "" {
			p.Hint = "did you mean `" + near + "`?"
		}
		problems = append(problems, p)
	}
	return q, problems
}

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}
