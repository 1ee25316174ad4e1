//! Just enough of the MySQL protocol to know what passes: packet frames, the text of a query, what an answer says.

use std::io::{self, Read};

/// The command byte of a statement in text form.
const COM_QUERY: u8 = 3;
/// A payload of this length goes on in the next frame.
const WHOLE: usize = 0xff_ffff;
/// SERVER_STATUS_IN_TRANS.
const IN_TRANSACTION: u16 = 1;
/// SERVER_MORE_RESULTS_EXISTS.
const MORE_RESULTS: u16 = 8;

/// One frame as it is on the wire, header included.
pub struct Frame(pub Vec<u8>);

impl Frame {
    /// The next frame; `None` where the stream ends.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = vec![0; 4];
        match from.read_exact(&mut bytes) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let length = usize::from(bytes[0]) | usize::from(bytes[1]) << 8 | usize::from(bytes[2]) << 16;
        bytes.resize(4 + length, 0);
        from.read_exact(&mut bytes[4..])?;
        Ok(Some(Self(bytes)))
    }

    pub fn new(sequence: u8, payload: &[u8]) -> Self {
        assert!(payload.len() < WHOLE, "only short packets are made here");
        let length = u32::try_from(payload.len()).expect("short").to_le_bytes();
        let mut bytes = vec![length[0], length[1], length[2], sequence];
        bytes.extend_from_slice(payload);
        Self(bytes)
    }

    pub fn payload(&self) -> &[u8] {
        &self.0[4..]
    }

    pub fn sequence(&self) -> u8 {
        self.0[3]
    }

    /// The number of the session, from the first packet that a server sends.
    pub fn greeting(&self) -> Option<u32> {
        let [10, rest @ ..] = self.payload() else { return None };
        let id = rest.get(rest.iter().position(|b| *b == 0)? + 1..)?.get(..4)?;
        Some(u32::from_le_bytes(id.try_into().ok()?))
    }

    /// Whether the payload goes on in the next frame.
    pub fn goes_on(&self) -> bool {
        self.payload().len() == WHOLE
    }

    /// The statement of the first frame of a query.
    pub fn query(&self) -> Option<&[u8]> {
        match self.payload() {
            [COM_QUERY, text @ ..] if self.sequence() == 0 => Some(text),
            _ => None,
        }
    }

    /// The same statement with another text.
    pub fn with_query(text: &str) -> Self {
        let mut payload = vec![COM_QUERY];
        payload.extend_from_slice(text.as_bytes());
        Self::new(0, &payload)
    }

    /// What a server says that changed `rows` rows, outside a transaction.
    pub fn ok(sequence: u8, rows: u8) -> Self {
        Self::new(sequence, &[0, rows, 0, 2, 0, 0, 0])
    }
}

impl Frame {
    /// An error of this code, as the answer to a statement.
    pub fn error(code: u16) -> Self {
        let mut payload = vec![0xff];
        payload.extend(code.to_le_bytes());
        payload.extend_from_slice(b"#HY000as a server under load might say");
        Self::new(1, &payload)
    }
}

/// The first packet of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Ok {
        in_transaction: bool,
        more: bool,
    },
    Error {
        code: u16,
        text: String,
    },
    /// Rows, or anything else.
    Other,
}

impl Answer {
    pub fn read(payload: &[u8]) -> Self {
        match payload {
            [0, rest @ ..] => ok(rest).unwrap_or(Self::Other),
            [0xff, low, high, text @ ..] => Self::Error {
                code: u16::from_le_bytes([*low, *high]),
                text: String::from_utf8_lossy(text).into_owned(),
            },
            _ => Self::Other,
        }
    }
}

/// Behind the header of an OK packet: two length-encoded numbers, then the status.
fn ok(rest: &[u8]) -> Option<Answer> {
    let rest = skip_number(skip_number(rest)?)?;
    let status = u16::from_le_bytes([*rest.first()?, *rest.get(1)?]);
    Some(Answer::Ok { in_transaction: status & IN_TRANSACTION != 0, more: status & MORE_RESULTS != 0 })
}

fn skip_number(bytes: &[u8]) -> Option<&[u8]> {
    let length = match bytes.first()? {
        0xfc => 3,
        0xfd => 4,
        0xfe => 9,
        _ => 1,
    };
    bytes.get(length..)
}

/// Whether frames, queries and answers are read as they are meant.
pub fn check() {
    let mut wire = Frame::with_query("COMMIT").0;
    assert_eq!(wire, b"\x07\0\0\0\x03COMMIT");
    wire.extend(Frame::ok(1, 2).0);
    let mut rest = &wire[..];
    let query = Frame::read(&mut rest).unwrap().unwrap();
    assert_eq!((query.query(), query.goes_on()), (Some(&b"COMMIT"[..]), false));
    let ok = Frame::read(&mut rest).unwrap().unwrap();
    assert_eq!(ok.query(), None);
    assert_eq!(Answer::read(ok.payload()), Answer::Ok { in_transaction: false, more: false });
    assert_eq!(Answer::read(&[0, 1, 0, 3, 0, 0, 0]), Answer::Ok { in_transaction: true, more: false });
    assert!(Frame::read(&mut rest).unwrap().is_none());
    // 300 rows changed, insert id 5, more results, outside a transaction.
    let many = [0, 0xfc, 0x2c, 1, 5, 8, 0, 0, 0];
    assert_eq!(Answer::read(&many), Answer::Ok { in_transaction: false, more: true });
    let refused = Answer::read(b"\xff\x28\x04#42000no");
    assert_eq!(refused, Answer::Error { code: 1064, text: "#42000no".to_owned() });
    assert!(matches!(Answer::read(Frame::error(1317).payload()), Answer::Error { code: 1317, .. }));
    assert_eq!(Answer::read(&[3]), Answer::Other);
    assert_eq!(Frame::new(0, b"\x0a10.11.19\0\x07\x01\0\0salt").greeting(), Some(263));
    assert!(Frame::read(&mut &wire[..6]).is_err(), "a frame that ends too soon");
}
