package migrate

import "strings"

// sqlStatement is one statement of a file.
type sqlStatement struct {
	text   string
	line   int    // where it begins, from 1
	verify string // of a comment `-- verify: …` above it: its one answer must be true, or this is why not
	allow  string // of a comment `-- allow: W081` above it
}

// splitSQL takes the statements of a text apart. It knows quotes, comments, the dollars of PostgreSQL, and the
// bodies of SQLite's triggers.
func splitSQL(text string) (out []sqlStatement) {
	st := sqlStatement{}
	start, line := 0, 1
	trigger := false
	begun := false
	end := func(i int) {
		st.text = strings.TrimSpace(text[start:i])
		if begun && st.text != "" {
			out = append(out, st)
		}
		st, begun, trigger = sqlStatement{}, false, false
	}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
		case strings.HasPrefix(text[i:], "--"):
			to := until(text, i, "\n")
			if !begun {
				comment := strings.TrimSpace(text[i+2 : to])
				if v, ok := strings.CutPrefix(comment, "verify:"); ok {
					st.verify = strings.TrimSpace(v)
				}
				if v, ok := strings.CutPrefix(comment, "allow:"); ok {
					st.allow = strings.TrimSpace(v)
				}
			}
			i = to
		case strings.HasPrefix(text[i:], "/*"):
			to := until(text, i+2, "*/") + 2
			line += strings.Count(text[i:min(to, len(text))], "\n")
			i = to
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == ';' && !trigger:
			end(i)
			i++
		default:
			if !begun {
				begun, start, st.line = true, i, line
				trigger = isTrigger(text[i:])
			}
			to := token(text, i)
			if trigger && c == ';' && strings.EqualFold(strings.TrimSpace(lastWord(text[start:i])), "end") {
				end(i)
				i++
				continue
			}
			line += strings.Count(text[i:to], "\n")
			i = to
		}
	}
	end(len(text))
	return out
}

// token is the end of a quoted text, or of one character.
func token(text string, i int) int {
	switch c := text[i]; c {
	case '\'':
		escapes := i > 0 && (text[i-1] == 'E' || text[i-1] == 'e') && (i == 1 || !isWordByte(text[i-2]))
		for i++; i < len(text); i++ {
			if escapes && text[i] == '\\' {
				i++
			} else if text[i] == '\'' {
				if i+1 < len(text) && text[i+1] == '\'' {
					i++
					continue
				}
				return i + 1
			}
		}
		return len(text)
	case '"', '`':
		return min(until(text, i+1, string(c))+1, len(text))
	case '[':
		return i + 1
	case '$':
		if i > 0 && isWordByte(text[i-1]) {
			return i + 1
		}
		for j := i + 1; j < len(text); j++ {
			if text[j] == '$' {
				tag := text[i : j+1]
				return min(until(text, j+1, tag)+len(tag), len(text))
			}
			if !isWordByte(text[j]) || j == i+1 && text[j] >= '0' && text[j] <= '9' {
				break
			}
		}
	}
	return i + 1
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// until is where a mark begins, or the end.
func until(text string, from int, mark string) int {
	if from >= len(text) {
		return len(text)
	}
	if n := strings.Index(text[from:], mark); n >= 0 {
		return from + n
	}
	return len(text)
}

// isTrigger reports whether a statement makes a trigger of SQLite, whose body holds statements.
func isTrigger(text string) bool {
	words := strings.Fields(strings.ToLower(text[:min(len(text), 4000)]))
	if len(words) < 3 || words[0] != "create" {
		return false
	}
	if words[1] != "trigger" && !(strings.HasPrefix(words[1], "temp") && words[2] == "trigger") {
		return false
	}
	head, _, _ := strings.Cut(strings.ToLower(text), ";")
	return strings.Contains(" "+strings.Join(strings.Fields(head), " ")+" ", " begin ")
}

func lastWord(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	i := len(s)
	for i > 0 && isWordByte(s[i-1]) {
		i--
	}
	return s[i:]
}

// normalSQL is a statement in lower case and on one line, without comments and the content of texts.
func normalSQL(sql string) string {
	var b strings.Builder
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case strings.HasPrefix(sql[i:], "--"):
			i = until(sql, i, "\n")
		case strings.HasPrefix(sql[i:], "/*"):
			i = min(until(sql, i+2, "*/")+2, len(sql))
			b.WriteByte(' ')
		case c == '\'' || c == '$' && token(sql, i) > i+1:
			i = token(sql, i)
			b.WriteString("''")
		case c == '"':
			to := token(sql, i)
			b.WriteString(strings.ReplaceAll(sql[i:to], " ", "·"))
			i = to
		default:
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			b.WriteByte(c)
			i++
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
