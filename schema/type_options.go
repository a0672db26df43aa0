package schema

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// only refuses options a type does not know and parts that belong to other types.
func (o Options) only(typ string, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(o.Text)) {
		if !slices.Contains(known, name) {
			return &OptionError{name, "is no option of " + typ}
		}
	}
	switch {
	case o.Enum != nil && typ != "enum":
		return &OptionError{"enum", "is no option of " + typ}
	case o.Elem != nil && typ != "list":
		return &OptionError{"list", "is no option of " + typ}
	case o.Fields != nil && typ != "object":
		return &OptionError{"fields", "is no option of " + typ}
	}
	return nil
}

// count reads an option that counts something; absent is def.
func (o Options) count(name string, def, low, high int) (int, error) {
	text, ok := o.Text[name]
	if !ok {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || text[0] == '+' {
		return 0, &OptionError{name, "expected a whole number from " + strconv.Itoa(low) + " to " + strconv.Itoa(high)}
	}
	return n, nil
}

// length reads min= and max= of something counted.
func (o Options) length(minDef, maxDef, high int) (low, top int, err error) {
	if low, err = o.count("min", minDef, 0, high); err != nil {
		return 0, 0, err
	}
	if top, err = o.count("max", maxDef, 0, high); err != nil {
		return 0, 0, err
	}
	if _, given := o.Text["max"]; given || maxDef > 0 {
		if low > top {
			return 0, 0, &OptionError{"min", "is above max"}
		}
	}
	return low, top, nil
}

// regexp reads pattern=. It matches whole texts: RE2 is anchored at both ends.
func (o Options) regexp() (*regexp.Regexp, string, error) {
	source, ok := o.Text["pattern"]
	if !ok {
		return nil, "", nil
	}
	if len(source) > 1000 {
		return nil, "", &OptionError{"pattern", "is longer than 1000 characters"}
	}
	if _, err := regexp.Compile(source); err != nil {
		return nil, "", &OptionError{"pattern", err.Error()}
	}
	re, err := regexp.Compile(`\A(?:` + source + `)\z`)
	if err != nil {
		return nil, "", &OptionError{"pattern", err.Error()}
	}
	return re, source, nil
}

// bounds are the limits of an ordered type; nil is no limit.
type bounds[T cmp.Ordered] struct{ min, max *T }

// readBounds reads min= and max= with the type's own reader.
func readBounds[T cmp.Ordered](o Options, read func(text string) (T, error)) (b bounds[T], err error) {
	if b.min, err = readBound(o, "min", read); err != nil {
		return b, err
	}
	if b.max, err = readBound(o, "max", read); err != nil {
		return b, err
	}
	if b.min != nil && b.max != nil && *b.min > *b.max {
		return b, &OptionError{"min", "is above max"}
	}
	return b, nil
}

func readBound[T cmp.Ordered](o Options, name string, read func(text string) (T, error)) (*T, error) {
	text, ok := o.Text[name]
	if !ok {
		return nil, nil
	}
	v, err := read(text)
	if err != nil {
		return nil, &OptionError{name, err.Error()}
	}
	return &v, nil
}

// check says how v breaks the limits, or nil.
func (b *bounds[T]) check(v T, show func(T) string) *Problem {
	if b.min != nil && v < *b.min {
		return problem(CodeRange, "must be at least "+show(*b.min))
	}
	if b.max != nil && v > *b.max {
		return problem(CodeRange, "must be at most "+show(*b.max))
	}
	return nil
}

// text shows the limits for a Shape.
func (b *bounds[T]) text(show func(T) string) (low, high string) {
	if b.min != nil {
		low = show(*b.min)
	}
	if b.max != nil {
		high = show(*b.max)
	}
	return low, high
}
