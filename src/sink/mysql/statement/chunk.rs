//! A statement that grows by one item after the other.

use anyhow::Result;

/// What takes each full statement: its text, and the items in it.
pub(super) type Full<'f> = &'f mut dyn FnMut(&str, u64) -> Result<()>;

/// Items between a head and a tail, cut into statements of a limited size. Only one of them is in memory.
pub(super) struct Chunk<'a> {
    head: Vec<u8>,
    separator: &'a [u8],
    tail: Vec<u8>,
    /// Bytes of a statement of more than one item.
    limit: usize,
    /// Items of a statement.
    most: u64,
    text: Vec<u8>,
    /// An item that did not fit any more.
    over: Vec<u8>,
    items: u64,
}

impl<'a> Chunk<'a> {
    pub(super) fn new(head: Vec<u8>, separator: &'a [u8], tail: Vec<u8>, limit: usize) -> Self {
        Self { head, separator, tail, limit, most: u64::MAX, text: Vec::new(), over: Vec::new(), items: 0 }
    }

    pub(super) fn at_most(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// Adds the item that `write` appends; before it, gives `full` the statement that it does not fit into. Says how
    /// long a statement of the item alone is, if it begins one.
    pub(super) fn push(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<()>,
        full: Full<'_>,
    ) -> Result<Option<usize>> {
        if self.items >= self.most {
            self.finish(full)?;
        }
        let before = self.text.len();
        let lead = if self.items == 0 { self.head.as_slice() } else { self.separator };
        self.text.extend_from_slice(lead);
        let begin = self.text.len();
        write(&mut self.text)?;
        if self.items > 0 && self.text.len() + self.tail.len() > self.limit {
            self.over.clear();
            self.over.extend_from_slice(self.text.get(begin..).unwrap_or_default());
            self.text.truncate(before);
            self.finish(full)?;
            self.text.extend_from_slice(&self.head);
            self.text.append(&mut self.over);
        }
        self.items += 1;
        Ok((self.items == 1).then(|| self.text.len() + self.tail.len()))
    }

    /// Before an item of about `size` bytes: gives `full` what it would not fit behind, so that it is not held twice.
    pub(super) fn make_room(&mut self, size: usize, full: Full<'_>) -> Result<()> {
        if self.items > 0 && self.text.len() + size > self.limit {
            self.finish(full)?;
        }
        // Without room beyond that: it would be as much again.
        self.text.reserve_exact(self.head.len() + size + size / 64);
        Ok(())
    }

    /// Gives `full` what is left, if anything is.
    pub(super) fn finish(&mut self, full: Full<'_>) -> Result<()> {
        if self.items > 0 {
            self.text.extend_from_slice(&self.tail);
            full(std::str::from_utf8(&self.text)?, self.items)?;
        }
        self.text.clear();
        self.items = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn statements_hold_each_item_once_and_keep_the_limits(
            items in prop::collection::vec("[a-z]{1,12}", 0..40), limit in 5..60_usize, most in 1..9_u64,
        ) {
            let mut chunk = Chunk::new(b"<".to_vec(), b",", b">".to_vec(), limit).at_most(most);
            let mut found: Vec<(String, u64)> = Vec::new();
            let mut full = |text: &str, items| {
                found.push((text.to_owned(), items));
                Ok(())
            };
            for item in &items {
                let alone = chunk.push(|out| { out.extend_from_slice(item.as_bytes()); Ok(()) }, &mut full).unwrap();
                prop_assert!(alone.is_none_or(|n| n == item.len() + 2));
            }
            chunk.finish(&mut full).unwrap();
            let mut all = Vec::new();
            for (i, (text, n)) in found.iter().enumerate() {
                let inner: Vec<&str> = text[1..text.len() - 1].split(',').collect();
                prop_assert_eq!((inner.len() as u64, text.starts_with('<'), text.ends_with('>')), (*n, true, true));
                prop_assert!(*n <= most && (*n == 1 || text.len() <= limit));
                // None is shorter than it has to be.
                if let Some((next, _)) = found.get(i + 1) {
                    let first = next[1..next.len() - 1].split(',').next().unwrap();
                    prop_assert!(*n == most || text.len() + 1 + first.len() > limit);
                }
                all.extend(inner.into_iter().map(str::to_owned));
            }
            prop_assert_eq!(all, items);
        }
    }
}
