package actions

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// wire is how actions are written: zero members are left out, unknown ones refused.
var wire = json.JoinOptions(
	jsonv1.OmitEmptyWithLegacySemantics(true),
	json.RejectUnknownMembers(true),
	json.Deterministic(true),
)

// New returns an empty built-in action of the verb, or nil.
func New(verb string) Action {
	switch verb {
	case VerbGet:
		return new(Get)
	case VerbSearch:
		return new(Search)
	case VerbAggregate:
		return new(Aggregate)
	case VerbRelated:
		return new(Related)
	case VerbCreate:
		return new(Create)
	case VerbReplace:
		return new(Replace)
	case VerbPatch:
		return new(Patch)
	case VerbPatchEach:
		return new(PatchEach)
	case VerbPatchWhere:
		return new(PatchWhere)
	case VerbDelete:
		return new(Delete)
	case VerbDeleteWhere:
		return new(DeleteWhere)
	case VerbRestore:
		return new(Restore)
	case VerbPurge:
		return new(Purge)
	case VerbHistory:
		return new(History)
	case VerbUndo:
		return new(Undo)
	case VerbRun:
		return new(Run)
	case VerbGetFile:
		return new(GetFile)
	case VerbPutFile:
		return new(PutFile)
	case VerbCan:
		return new(Can)
	case VerbCompound:
		return new(Compound)
	case VerbBulkImport:
		return new(BulkImport)
	case VerbBulkUpdate:
		return new(BulkUpdate)
	case VerbBulkDelete:
		return new(BulkDelete)
	}
	return nil
}

// Encode returns the canonical JSON of an action: `{"do":"search","class":"customer",…}`.
// Equal actions have equal texts; white space in their content does not count.
func Encode(a Action) ([]byte, error) {
	members, err := json.Marshal(a, wire)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", a.Verb(), err)
	}
	b := make([]byte, 0, len(members)+len(a.Verb())+8)
	b = append(b, `{"do":`...)
	b, _ = jsontext.AppendQuote(b, a.Verb())
	if len(members) > 2 {
		b = append(b, ',')
	}
	return append(b, members[1:]...), nil
}

// Decode reads what Encode writes, with members in any order. Unknown and
// doubled members are errors; names are case-sensitive.
func Decode(text []byte) (Action, error) {
	verb, members, err := splitVerb(text)
	if err != nil {
		return nil, err
	}
	a := New(verb)
	if a == nil {
		return nil, fmt.Errorf("there is no action %q", verb)
	}
	if err := json.Unmarshal(members, a, wire); err != nil {
		return nil, fmt.Errorf("action %s: %w", verb, readable(err))
	}
	return a, nil
}

// readable tells what does not fit an action without the words of the decoder.
func readable(err error) error {
	var bad *json.SemanticError
	switch {
	case !errors.As(err, &bad):
		return err
	case errors.Is(err, json.ErrUnknownName):
		return fmt.Errorf("it has no member `%s`", excerpt(bad.JSONPointer.LastToken()))
	}
	return fmt.Errorf("%s cannot be of this kind: %s", bad.JSONPointer, excerpt(string(bad.JSONValue)))
}

// Hash is a fingerprint of an action: equal for equal actions.
func Hash(a Action) ([sha256.Size]byte, error) {
	text, err := Encode(a)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(text), nil
}

// splitVerb takes the member "do" out of an object.
func splitVerb(text []byte) (verb string, members []byte, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	if dec.PeekKind() != '{' {
		return "", nil, errors.New("an action is a JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return "", nil, err
	}
	rest := []byte{'{'}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return "", nil, err
		}
		quoted := string(name)
		value, err := dec.ReadValue()
		if err != nil {
			return "", nil, err
		}
		if quoted == `"do"` {
			if err := json.Unmarshal(value, &verb); err != nil {
				return "", nil, errors.New("`do` is the name of an action")
			}
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(append(rest, quoted...), ':'), value...)
	}
	if _, err := dec.ReadToken(); err != nil {
		return "", nil, err
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return "", nil, errors.New("there is more after the action")
	}
	if verb == "" {
		return "", nil, errors.New("the action has no `do`")
	}
	return verb, append(rest, '}'), nil
}
