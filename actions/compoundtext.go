package actions

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// stepText is how a step is written: {"name":"order","action":{"do":"create",…},"refs":[…]}.
type stepText struct {
	Name    string         `json:"name,omitempty"`
	Action  jsontext.Value `json:"action,omitempty"`
	Refs    []Ref          `json:"refs,omitempty"`
	Refused *refusalText   `json:"refused,omitempty"`
}

// refusalText is the part of an Error that clients are told.
type refusalText struct {
	Code     Code      `json:"code"`
	Detail   string    `json:"detail,omitempty"`
	Hint     string    `json:"hint,omitempty"`
	Errors   []Problem `json:"errors,omitempty"`
	Tag      string    `json:"tag,omitempty"`
	Allow    []string  `json:"allow,omitempty"`
	Accept   []string  `json:"accept,omitempty"`
	Patch    []string  `json:"accept_patch,omitempty"`
	Encoding []string  `json:"accept_encoding,omitempty"`
	Retry    int       `json:"retry,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (s Step) MarshalJSON() ([]byte, error) {
	t := stepText{Name: s.Name, Refs: s.Refs}
	if s.Action != nil {
		action, err := Encode(s.Action)
		if err != nil {
			return nil, err
		}
		t.Action = action
	}
	if e := s.Refused; e != nil {
		t.Refused = &refusalText{e.Code, e.Detail, e.Hint, e.Errors, e.Tag, e.Allow, e.Accept, e.Patch, e.Encoding, e.Retry}
	}
	return json.Marshal(t, wire)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Step) UnmarshalJSON(text []byte) error {
	var t stepText
	if err := json.Unmarshal(text, &t, wire); err != nil {
		return err
	}
	*s = Step{Name: t.Name, Refs: t.Refs}
	if t.Action != nil {
		a, err := Decode(t.Action)
		if err != nil {
			return err
		}
		if _, nested := a.(*Compound); nested {
			return errors.New("a compound cannot be a step of a compound")
		}
		s.Action = a
	}
	if e := t.Refused; e != nil {
		s.Refused = &Error{
			Code: e.Code, Detail: e.Detail, Hint: e.Hint, Errors: e.Errors, Tag: e.Tag,
			Allow: e.Allow, Accept: e.Accept, Patch: e.Patch, Encoding: e.Encoding, Retry: e.Retry,
		}
	}
	return nil
}
