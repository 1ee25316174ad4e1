//! Reads a long JSON array element by element: no more than one of them is in memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

/// Gives each element of the array that `json` begins with to `take`, and then their number; `None` for null, as Go
/// writes an empty list.
///
/// # Errors
/// If it is no array of such elements, or cannot be read. What came before the fault has been given.
pub(super) fn each<'de, T, D>(json: D, take: &mut dyn FnMut(T)) -> Result<Option<usize>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Each { take, of: PhantomData }.deserialize(json)
}

struct Each<'a, T> {
    take: &'a mut dyn FnMut(T),
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Each<'_, T> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Each<'_, T> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Option<usize>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<usize>, A::Error> {
        let mut count = 0;
        while let Some(item) = list.next_element()? {
            (self.take)(item);
            count += 1;
        }
        Ok(Some(count))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Deserializer;

    use super::*;

    #[test]
    fn lists_and_nothing() {
        let read = |text: &str| {
            let mut found = Vec::new();
            let count = each(&mut Deserializer::from_str(text), &mut |n: u8| found.push(n)).map_err(|e| e.to_string());
            (count, found)
        };
        assert_eq!(read("[1, 2]"), (Ok(Some(2)), vec![1, 2]));
        assert_eq!(read("[]"), (Ok(Some(0)), vec![]));
        assert_eq!(read("null"), (Ok(None), vec![]));
        let (error, found) = read("[1, 300]");
        assert!(error.unwrap_err().contains("300") && found == [1]);
        assert!(read("{}").0.unwrap_err().contains("a list"));
        assert!(read("[1").0.is_err());
    }
}
