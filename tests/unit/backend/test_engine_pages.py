"""The books of the cache: who holds which page, what is known, and what is given up first."""

import pytest

from backend.engine.pages import CacheDamaged, PagePool
from backend.engine.prefix_tree import PrefixTree, page_key


def _grow(tree, pool, *keys):
    """A path of pages that nobody uses but the tree."""
    node = tree.root
    for key in keys:
        (page,) = pool.take(1)
        node = tree.insert(node, key, page)
        pool.release([page])
    return node


def _known(tree, *keys):
    return len(tree.match(keys))


def test_a_page_is_free_when_the_last_one_lets_go():
    pool = PagePool(3)
    pages = pool.take(2)
    pool.share(pages)
    pool.release(pages)
    assert (pool.free, pool.used, pool.references(pages[0])) == (1, 2, 1)
    pool.release(pages)
    assert (pool.free, pool.used) == (3, 0)
    pool.audit({}, set())


def test_a_page_that_only_the_tree_keeps_is_idle():
    pool = PagePool(2)
    (page,) = pool.take(1)
    pool.keep(page)
    assert (pool.idle, pool.used) == (0, 1)
    pool.release([page])
    assert (pool.idle, pool.used, pool.free) == (1, 0, 1)
    pool.share([page])
    assert (pool.idle, pool.used) == (0, 1)
    pool.release([page])
    pool.forget(page)
    assert (pool.idle, pool.free) == (0, 2)


def test_what_the_books_do_not_allow_is_said_at_once():
    pool = PagePool(2)
    (page,) = pool.take(1)
    with pytest.raises(CacheDamaged, match="2 pages asked for, 1 free"):
        pool.take(2)
    with pytest.raises(CacheDamaged, match="not kept"):
        pool.forget(page)
    pool.keep(page)
    with pytest.raises(CacheDamaged, match="kept twice"):
        pool.keep(page)
    other = 1 - page
    for wrong in (pool.share, pool.release):
        with pytest.raises(CacheDamaged, match=f"page {other} is free"):
            wrong([other])


def test_an_audit_finds_pages_that_nobody_accounts_for():
    pool = PagePool(3)
    (page,) = pool.take(1)
    pool.audit({page: 1}, set())
    for held, kept in (({}, set()), ({page: 2}, set()), ({page: 1}, {page}), ({page: 1, 2: 1}, set())):
        with pytest.raises(CacheDamaged):
            pool.audit(held, kept)
    pool._free.append(pool._free[0])
    with pytest.raises(CacheDamaged, match="listed as free"):
        pool.audit({page: 1}, set())
    pool._free.pop()
    pool._idle += 1
    with pytest.raises(CacheDamaged, match="idle"):
        pool.audit({page: 1}, set())


def test_the_longest_known_prefix_is_found():
    pool = PagePool(9)
    tree = PrefixTree(pool)
    _grow(tree, pool, b"a", b"b", b"c")
    assert _known(tree, b"a", b"b", b"x") == 2
    assert _known(tree, b"b") == 0
    assert _known(tree, b"a", b"b", b"c", b"d") == 3


def test_what_was_used_least_recently_is_given_up_first_from_its_end():
    pool = PagePool(9)
    tree = PrefixTree(pool)
    _grow(tree, pool, b"a", b"1")
    _grow(tree, pool, b"b", b"1")
    tree.match([b"a", b"1"])
    assert tree.evict(1) == 1
    assert (_known(tree, b"b", b"1"), _known(tree, b"a", b"1")) == (1, 2)
    tree.match([b"b"])
    assert tree.evict(2) == 2
    assert (_known(tree, b"a"), _known(tree, b"b")) == (0, 1)
    assert tree.evict(5) == 1
    assert (pool.free, tree.evicted) == (9, 4)


def test_what_is_in_use_is_not_given_up():
    pool = PagePool(9)
    tree = PrefixTree(pool)
    leaf = _grow(tree, pool, b"a", b"1")
    used = [leaf.parent.page, leaf.page]
    pool.share(used)
    _grow(tree, pool, b"a", b"2")
    assert tree.evict(9) == 1
    assert _known(tree, b"a", b"1") == 2
    pool.release(used)
    tree.audit(1)
    assert tree.evict(9) == 2


def test_a_page_that_is_known_is_not_kept_a_second_time():
    pool = PagePool(2)
    tree = PrefixTree(pool)
    first = _grow(tree, pool, b"a")
    (page,) = pool.take(1)
    assert tree.insert(tree.root, b"a", page) is first
    assert pool.references(page) == 1


def test_nothing_grows_on_what_was_given_up():
    pool = PagePool(3)
    tree = PrefixTree(pool)
    gone = _grow(tree, pool, b"a")
    tree.evict(1)
    with pytest.raises(CacheDamaged, match="given up"):
        tree.insert(gone, b"b", 0)


def test_an_audit_of_the_tree_finds_what_is_out_of_place():
    pool = PagePool(9)
    tree = PrefixTree(pool)
    leaf = _grow(tree, pool, b"a", b"1")
    other = _grow(tree, pool, b"b")
    assert tree.audit(1) == {leaf.page, leaf.parent.page, other.page}
    with pytest.raises(CacheDamaged, match="out of place"):
        tree.audit(2)
    pool.share([leaf.page])
    with pytest.raises(CacheDamaged, match="without the pages before it"):
        tree.audit(1)
    pool.release([leaf.page])
    leaf.queued = False
    with pytest.raises(CacheDamaged, match="never be given up"):
        tree.audit(1)
    leaf.queued = True
    other.page = leaf.page
    with pytest.raises(CacheDamaged, match="twice"):
        tree.audit(1)


def test_a_key_says_which_tokens_and_which_part_of_which_image():
    cat, dog = b"c" * 32, b"d" * 32
    plain = page_key([1, 2, 3, 4], 0, [])
    assert plain == page_key([1, 2, 3, 4], 40, [(0, 40, cat), (44, 5, cat)])
    keys = {
        plain,
        page_key([1, 2, 3, 5], 0, []),
        page_key([1, 2, 3, 4], 8, [(8, 4, cat)]),
        page_key([1, 2, 3, 4], 8, [(8, 4, dog)]),
        page_key([1, 2, 3, 4], 8, [(4, 8, cat)]),
        page_key([1, 2, 3, 4], 8, [(8, 5, cat)]),
        page_key([1, 2, 3, 4], 8, [(8, 2, cat), (10, 2, dog)]),
    }
    assert len(keys) == 7
