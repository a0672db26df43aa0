package request

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
)

// formatNames are the words of format=. A Parser produces some of them.
var formatNames = []string{"json", "csv", "ndjson", "xml"}

// mediaType is the media type of a format.
func mediaType(format string) string {
	switch format {
	case "csv":
		return "text/csv"
	case "ndjson":
		return "application/x-ndjson"
	case "xml":
		return "application/xml"
	}
	return typeJSON
}

var jsonOnly = []string{"json"}

func (p *Parser) formats() []string {
	if len(p.Formats) == 0 {
		return jsonOnly
	}
	return p.Formats
}

// negotiate chooses the format of the answer. wish is format=, which wins over
// the order of Accept but not over what it excludes. The default is "".
func (p *Parser) negotiate(accept []string, wish string) (string, error) {
	offered := p.formats()
	if wish != "" {
		if !slices.Contains(offered, wish) {
			return "", p.notAcceptable("The format `" + wish + "` is not available.")
		}
		if q, any := quality(accept, mediaType(wish)); any && q == 0 {
			return "", p.notAcceptable("`format=" + wish + "` is asked for, but `Accept` excludes " + mediaType(wish) + ".")
		}
		return plainDefault(wish, offered), nil
	}
	if len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == mediaType(offered[0])) {
		return "", nil
	}
	best, most := "", 0
	for _, f := range offered {
		q, any := quality(accept, mediaType(f))
		if !any {
			return "", nil // nothing in it could be read
		}
		if q > most {
			best, most = f, q
		}
	}
	if most == 0 {
		return "", p.notAcceptable("Nothing that `Accept` asks for can be produced.")
	}
	return plainDefault(best, offered), nil
}

// plainDefault spells the default format as "", so that equal actions are equal.
func plainDefault(format string, offered []string) string {
	if format == offered[0] {
		return ""
	}
	return format
}

func (p *Parser) notAcceptable(detail string) error {
	e := actions.Errorf(actions.NotAcceptable, detail)
	for _, f := range p.formats() {
		e.Accept = append(e.Accept, mediaType(f))
	}
	return e
}

// quality returns how much Accept likes a media type, from 0 to 1000: the most specific range that
// fits decides. Ranges that cannot be read are passed over; any is false when there was no other.
func quality(accept []string, media string) (q int, any bool) {
	major, _, _ := strings.Cut(media, "/")
	depth := -1
	for _, line := range accept {
		for line != "" {
			var one string
			one, line, _ = strings.Cut(line, ",")
			name, params, _ := strings.Cut(one, ";")
			name = strings.Trim(name, " \t")
			if strings.IndexByte(name, '/') < 1 {
				continue
			}
			weight, ok := weight(params)
			if !ok {
				continue
			}
			any = true
			fit := -1
			switch {
			case strings.EqualFold(name, media):
				fit = 2
			case len(name) == len(major)+2 && strings.EqualFold(name[:len(major)], major) && name[len(major):] == "/*":
				fit = 1
			case name == "*/*":
				fit = 0
			}
			if fit > depth || fit == depth && fit >= 0 && weight > q {
				depth, q = fit, weight
			}
		}
	}
	return q, any
}

// weight reads the q parameter in thousandths; other parameters say nothing here.
func weight(params string) (int, bool) {
	for params != "" {
		var one string
		one, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(strings.Trim(one, " \t"), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		return thousandths(value)
	}
	return 1000, true
}

// thousandths reads 0.75: up to three digits after the point, at most 1.
func thousandths(s string) (int, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0, false
	}
	n, scale := int(whole[0]-'0')*1000, 100
	for i := 0; i < len(fraction); i++ {
		c := fraction[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n += int(c-'0') * scale
		scale /= 10
	}
	return n, n <= 1000
}
