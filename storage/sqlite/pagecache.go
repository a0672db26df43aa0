package sqlite

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// SQLite lets a program bring its own page cache (SQLITE_CONFIG_PCACHE2). This
// one exists because the built-in cache, as the driver compiles it, shares
// one lock among all connections, taken twice for every page that any of them looks at,
// and because the driver's allocator rounds a page with its header up to 8 KiB.
// Here every connection has pages and lists of its own, and pages are cut from pieces
// that fill what the allocator gives.
//
// A slot is one page with what SQLite hangs on it. Its memory is
//
//	page | pBuf pExtra slot-number | extra
//
// and SQLite knows it by the address of pBuf (struct sqlite3_pcache_page).

// pageCache is the pages of one connection. SQLite calls it from whatever
// goroutine uses the connection.
type pageCache struct {
	page, extra int   // bytes
	max         int   // pages to keep
	purgeable   bool  // pages nobody uses may be dropped: they are in the file
	used        int   // slots that hold a page
	pinned      int   // of these, those in use
	fresh       int32 // slots from here on were not used since the cache was emptied
	free        int32 // list of slots used before, by next
	first, last int32 // the pages nobody uses, the oldest first
	slots       []slot
	buckets     []int32 // slots by page number
	pieces      []uintptr
}

type slot struct {
	at           uintptr // of struct sqlite3_pcache_page
	key          uint32
	next         int32 // in its bucket, or in the free list
	older, newer int32 // of the pages nobody uses
	pinned       bool
}

const (
	none      = int32(-1)
	header    = 3 * 8               // pBuf, pExtra, slot number
	pieceSize = 256<<10 - 2*(4<<10) // of memory asked for; the allocator rounds it up to 256 KiB
)

// caches are the page caches by the handle SQLite has of them, less one. The slice is
// replaced, never changed, so that looking up takes no lock.
var caches struct {
	sync.Mutex
	list atomic.Pointer[[]*pageCache]
}

// useOwnPageCache installs the cache. That is possible only before the first
// connection of the process is opened; should somebody else have opened one, the
// built-in cache stays, which is slower and otherwise the same.
var useOwnPageCache = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	empty := []*pageCache{}
	caches.list.Store(&empty)
	methods := libc.Xcalloc(tls, 1, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_pcache_methods2{})))
	if methods == 0 {
		return
	}
	*(*lib.Tsqlite3_pcache_methods2)(at(methods)) = lib.Tsqlite3_pcache_methods2{
		FiVersion:   1,
		FxInit:      function(pcInit),
		FxShutdown:  function(pcShutdown),
		FxCreate:    function(pcCreate),
		FxCachesize: function(pcCachesize),
		FxPagecount: function(pcPagecount),
		FxFetch:     function(pcFetch),
		FxUnpin:     function(pcUnpin),
		FxRekey:     function(pcRekey),
		FxTruncate:  function(pcTruncate),
		FxDestroy:   function(pcDestroy),
		FxShrink:    function(pcShrink),
	}
	args := libc.NewVaList(methods)
	defer libc.Xfree(tls, args)
	lib.Xsqlite3_config(tls, lib.SQLITE_CONFIG_PCACHE2, args)
})

// function is the C address of a declared function: a pointer to where its
// address is kept, as the driver's own callbacks do it.
func function[T any](f T) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f T }{f})) }

// at is an address of memory that is not Go's.
func at(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func cacheOf(handle uintptr) *pageCache { return (*caches.list.Load())[handle-1] }

func pcInit(*libc.TLS, uintptr) int32 { return lib.SQLITE_OK }

func pcShutdown(*libc.TLS, uintptr) {}

func pcCreate(_ *libc.TLS, page, extra, purgeable int32) uintptr {
	c := &pageCache{page: int(page), extra: int(extra+7) &^ 7, purgeable: purgeable != 0, free: none, first: none, last: none}
	c.rehash(64)
	caches.Lock()
	defer caches.Unlock()
	list := append([]*pageCache(nil), *caches.list.Load()...)
	handle := len(list)
	for i, old := range list {
		if old == nil {
			handle = i
		}
	}
	if handle == len(list) {
		list = append(list, nil)
	}
	list[handle] = c
	caches.list.Store(&list)
	return uintptr(handle + 1)
}

func pcDestroy(tls *libc.TLS, handle uintptr) {
	c := cacheOf(handle)
	caches.Lock()
	list := append([]*pageCache(nil), *caches.list.Load()...)
	list[handle-1] = nil
	caches.list.Store(&list)
	caches.Unlock()
	for _, p := range c.pieces {
		libc.Xfree(tls, p)
	}
}

func pcCachesize(_ *libc.TLS, handle uintptr, n int32) {
	c := cacheOf(handle)
	c.max = max(int(n), 1)
	c.shrink(c.max)
}

func pcPagecount(_ *libc.TLS, handle uintptr) int32 { return int32(cacheOf(handle).used) }

func pcShrink(_ *libc.TLS, handle uintptr) { cacheOf(handle).shrink(0) }

// pcFetch finds a page and pins it. create is 0 to look only, 1 to make room for it if that is
// easy, 2 to make room anyhow.
func pcFetch(tls *libc.TLS, handle uintptr, key uint32, create int32) uintptr {
	c := cacheOf(handle)
	for i := c.buckets[c.bucket(key)]; i != none; {
		s := &c.slots[i]
		if s.key == key {
			if !s.pinned {
				c.take(i)
			}
			return s.at
		}
		i = s.next
	}
	if create == 0 || create == 1 && c.purgeable && c.pinned >= max(c.max-c.max/10, 1) {
		return 0
	}
	i := c.room(tls)
	if i == none {
		return 0
	}
	s := &c.slots[i]
	s.key, s.pinned = key, true
	b := c.bucket(key)
	s.next, c.buckets[b] = c.buckets[b], i
	c.used++
	c.pinned++
	*(*uintptr)(at(s.at + header)) = 0 // how SQLite knows a page it has not seen
	return s.at
}

// room returns an empty slot: an old one, a new one, or that of the page that
// was not used for the longest time.
func (c *pageCache) room(tls *libc.TLS) int32 {
	if c.purgeable && c.used >= c.max && c.first != none {
		c.drop(c.first)
	}
	if i := c.free; i != none {
		c.free = c.slots[i].next
		return i
	}
	if int(c.fresh) == len(c.slots) && !c.extend(tls) {
		if !c.purgeable || c.first == none {
			return none
		}
		c.drop(c.first)
		i := c.free
		c.free = c.slots[i].next
		return i
	}
	c.fresh++
	return c.fresh - 1
}

// extend adds a piece of memory.
func (c *pageCache) extend(tls *libc.TLS) bool {
	size := c.page + header + c.extra
	n := max(pieceSize/size, 1)
	if c.purgeable {
		n = min(n, max(c.max-len(c.slots), 4))
	}
	p := libc.Xmalloc(tls, types.Size_t(n*size))
	if p == 0 {
		return false
	}
	c.pieces = append(c.pieces, p)
	for range n {
		s := slot{at: p + uintptr(c.page)}
		h := (*[3]uintptr)(at(s.at))
		h[0], h[1], h[2] = p, s.at+header, uintptr(len(c.slots))
		c.slots = append(c.slots, s)
		p += uintptr(size)
	}
	if len(c.slots) > len(c.buckets) {
		c.rehash(2 * len(c.slots))
	}
	return true
}

// bucket is where a page number hangs; numbers that follow each other are spread.
func (c *pageCache) bucket(key uint32) uint32 { return key & uint32(len(c.buckets)-1) }

// rehash makes at least n buckets and hangs the pages anew.
func (c *pageCache) rehash(n int) {
	size := 64
	for size < n {
		size *= 2
	}
	old := c.buckets
	c.buckets = make([]int32, size)
	c.clearBuckets()
	for _, i := range old {
		for i != none {
			s := &c.slots[i]
			next := s.next
			b := c.bucket(s.key)
			s.next, c.buckets[b] = c.buckets[b], i
			i = next
		}
	}
}

func (c *pageCache) clearBuckets() {
	for i := range c.buckets {
		c.buckets[i] = none
	}
}

// take pins a page that nobody used.
func (c *pageCache) take(i int32) {
	s := &c.slots[i]
	if s.older == none {
		c.first = s.newer
	} else {
		c.slots[s.older].newer = s.newer
	}
	if s.newer == none {
		c.last = s.older
	} else {
		c.slots[s.newer].older = s.older
	}
	s.pinned = true
	c.pinned++
}

// leave puts a page that nobody uses any more at the end of the list.
func (c *pageCache) leave(i int32) {
	s := &c.slots[i]
	s.pinned = false
	c.pinned--
	s.older, s.newer = c.last, none
	if c.last == none {
		c.first = i
	} else {
		c.slots[c.last].newer = i
	}
	c.last = i
}

// drop forgets a page, in use or not.
func (c *pageCache) drop(i int32) {
	s := &c.slots[i]
	if !s.pinned {
		c.take(i)
	}
	s.pinned = false
	c.pinned--
	c.used--
	at := &c.buckets[c.bucket(s.key)]
	for *at != i {
		at = &c.slots[*at].next
	}
	*at = s.next
	s.next, c.free = c.free, i
}

// shrink drops the oldest pages nobody uses until no more than n are left.
func (c *pageCache) shrink(n int) {
	for c.purgeable && c.used > n && c.first != none {
		c.drop(c.first)
	}
}

func slotOf(page uintptr) int32 { return int32((*[3]uintptr)(at(page))[2]) }

func pcUnpin(_ *libc.TLS, handle, page uintptr, discard int32) {
	c := cacheOf(handle)
	i := slotOf(page)
	if discard != 0 || c.purgeable && c.used > c.max {
		c.drop(i)
		return
	}
	c.leave(i)
}

// pcRekey gives a page in use another number; a page of that number goes.
func pcRekey(_ *libc.TLS, handle, page uintptr, old, key uint32) {
	c := cacheOf(handle)
	i := slotOf(page)
	for j := c.buckets[c.bucket(key)]; j != none; j = c.slots[j].next {
		if c.slots[j].key == key && j != i {
			c.drop(j)
			break
		}
	}
	s := &c.slots[i]
	from := &c.buckets[c.bucket(old)]
	for *from != i {
		from = &c.slots[*from].next
	}
	*from = s.next
	s.key = key
	b := c.bucket(key)
	s.next, c.buckets[b] = c.buckets[b], i
}

// pcTruncate drops all pages from a number on, in use or not.
func pcTruncate(_ *libc.TLS, handle uintptr, limit uint32) {
	c := cacheOf(handle)
	if limit <= 1 && c.pinned == 0 { // all of them: a connection found that the file has changed
		c.clearBuckets()
		c.used, c.fresh, c.free, c.first, c.last = 0, 0, none, none, none
		return
	}
	for b := range c.buckets {
		for i := c.buckets[b]; i != none; {
			next := c.slots[i].next
			if c.slots[i].key >= limit {
				c.drop(i)
			}
			i = next
		}
	}
}
