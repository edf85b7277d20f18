//! An object in the line of a request, whose keys are known before: [`Object`].

use serde::Serialize;

/// An object of JSON that is appended to a line, entry by entry. Its keys are names of ours, in which nothing has to be escaped. A general
/// serializer looks for that in each key of each line, which takes longer than to write it.
#[derive(Debug)]
pub(super) struct Object<'a> {
    line: &'a mut Vec<u8>,
    /// What stands before the next entry.
    before: u8,
}

impl<'a> Object<'a> {
    /// Begins one without entries.
    pub(super) fn begin(line: &'a mut Vec<u8>) -> Self {
        Self { line, before: b'{' }
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// A bug of ours: a value that is no JSON.
    pub(super) fn set(
        &mut self,
        key: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> serde_json::Result<()> {
        self.begin_entry(key);
        self.line.extend_from_slice(b"\":");
        serde_json::to_writer(&mut *self.line, value)
    }

    /// Appends an object with a value and its unit, a name of ours as well, as an entry.
    ///
    /// # Errors
    /// As for [`Object::set`].
    pub(super) fn set_with_unit(
        &mut self,
        key: &'static str,
        value: &impl Serialize,
        unit: &'static str,
    ) -> serde_json::Result<()> {
        debug_assert!(!unit.contains(['"', '\\']), "`{unit}` has to be escaped");
        self.begin_entry(key);
        self.line.extend_from_slice(b"\":{\"value\":");
        serde_json::to_writer(&mut *self.line, value)?;
        self.line.extend_from_slice(b",\"unit\":\"");
        self.line.extend_from_slice(unit.as_bytes());
        self.line.extend_from_slice(b"\"}");
        Ok(())
    }

    /// Appends all of an entry up to the end of its key.
    fn begin_entry(&mut self, key: &'static str) {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        debug_assert!(key.bytes().all(is_plain), "`{key}` may have to be escaped");
        self.line.extend_from_slice(&[self.before, b'"']);
        self.before = b',';
        self.line.extend_from_slice(key.as_bytes());
    }

    /// The same where there is a value.
    ///
    /// # Errors
    /// As for [`Object::set`].
    pub(super) fn set_some(
        &mut self,
        key: &'static str,
        value: Option<impl Serialize>,
    ) -> serde_json::Result<()> {
        value.map_or(Ok(()), |value| self.set(key, &value))
    }

    /// Ends it.
    pub(super) fn end(self) {
        if self.before == b'{' {
            self.line.push(b'{');
        }
        self.line.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_in_their_order_and_those_without_a_value_are_left_out() {
        let mut line = b"is ".to_vec();
        let mut object = Object::begin(&mut line);
        object.set("name", "a \"b\"").unwrap();
        object.set_some("no_count", None::<u64>).unwrap();
        object.set_some("count", Some(2)).unwrap();
        object.set_with_unit("latency", &1.5, "ms").unwrap();
        object.end();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            r#"is {"name":"a \"b\"","count":2,"latency":{"value":1.5,"unit":"ms"}}"#
        );
    }

    #[test]
    fn one_without_entries_is_empty() {
        let mut line = Vec::new();
        Object::begin(&mut line).end();
        assert_eq!(line, b"{}");
    }
}
