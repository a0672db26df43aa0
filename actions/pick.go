package actions

// mostPaths is how many paths one narrowing follows; with more, the whole value shows.
const mostPaths = 64

// pick narrows the JSON value at b[at:] to the members that the paths name. The
// text is our own: valid and compact, so it is enough to know where strings and
// brackets end. What is kept moves forward within b; nothing is allocated.
func pick(b []byte, at int, paths [][]string) []byte {
	if len(b) == at || b[at] != '{' || len(paths) > mostPaths {
		return b // null, or nothing to choose from
	}
	out, _ := pickObject(b, at, at, paths, ^uint64(0), 0)
	return b[:out]
}

// pickObject copies the object at in to out, keeping the members that an active
// path (bit i stands for paths[i]) names at this depth. It returns the ends of
// what was written and read.
func pickObject(b []byte, out, in int, paths [][]string, active uint64, depth int) (int, int) {
	b[out] = '{'
	out, in = out+1, in+1
	start := out
	for b[in] != '}' {
		if b[in] == ',' {
			in++
		}
		nameEnd := skip(b, in)
		value := nameEnd + 1
		through, whole := follow(b[in+1:nameEnd-1], paths, active, depth)
		if through == 0 {
			in = skip(b, value)
			continue
		}
		if out > start {
			b[out] = ','
			out++
		}
		out += copy(b[out:], b[in:value])
		if !whole && b[value] == '{' {
			out, in = pickObject(b, out, value, paths, through, depth+1)
			continue
		}
		end := skip(b, value)
		out += copy(b[out:], b[value:end])
		in = end
	}
	b[out] = '}'
	return out + 1, in + 1
}

// follow returns the active paths that go through the member, and whether one of them ends there.
func follow(name []byte, paths [][]string, active uint64, depth int) (through uint64, whole bool) {
	for i, p := range paths {
		if active&(1<<uint(i)) == 0 || depth >= len(p) || p[depth] != string(name) {
			continue
		}
		through |= 1 << uint(i)
		whole = whole || len(p) == depth+1
	}
	return through, whole
}

// skip returns the end of the JSON value at i.
func skip(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
			if depth < 0 {
				return i
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}
