//! What is signed: a template of the time stamp, the delivery's id and the body.
//! It never looks into the body.

/// A template such as `{id}.{timestamp}.{body}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content(Vec<Part>);

/// A piece of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Itself.
    Literal(String),
    /// The body, byte for byte.
    Body,
    /// The time stamp as it is written in the request.
    Timestamp,
    /// The delivery's id as it is written in the request.
    Id,
}

impl Content {
    /// The body and nothing else.
    pub(super) fn body() -> Self {
        Self(vec![Part::Body])
    }

    /// Reads a template; the error says what would be right.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` without a `}}`"))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(match name {
                "body" => Part::Body,
                "timestamp" => Part::Timestamp,
                "id" => Part::Id,
                other => return Err(format!("`{{{other}}}` is not known; write {{body}}, {{timestamp}} or {{id}}")),
            });
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        let content = Self(parts);
        match content.uses(&Part::Body) {
            true => Ok(content),
            false => Err(format!("`{text}` has no {{body}}, so anybody could change the body")),
        }
    }

    /// Whether the template has this part.
    pub(super) fn uses(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    /// The bytes that are signed.
    pub(super) fn fill(&self, timestamp: &str, id: &str, body: &[u8]) -> Vec<u8> {
        let pieces = self.0.iter().map(|part| match part {
            Part::Literal(text) => text.as_bytes(),
            Part::Body => body,
            Part::Timestamp => timestamp.as_bytes(),
            Part::Id => id.as_bytes(),
        });
        pieces.collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_byte_for_byte() {
        let content = Content::parse("v1:{timestamp}:{id}:{body}!").unwrap();
        assert_eq!(content.fill("17", "msg", b"\xff\x00{id}"), b"v1:17:msg:\xff\x00{id}!");
        assert_eq!(Content::parse("{body}").unwrap(), Content::body());
    }

    #[test]
    fn a_wrong_template_is_told_what_would_be_right() {
        for (text, fault) in [
            ("{timestamp}", "`{timestamp}` has no {body}, so anybody could change the body"),
            ("{ts}.{body}", "`{ts}` is not known; write {body}, {timestamp} or {id}"),
            ("{body}{", "`{body}{` has a `{` without a `}`"),
        ] {
            assert_eq!(Content::parse(text).unwrap_err(), fault);
        }
    }
}
