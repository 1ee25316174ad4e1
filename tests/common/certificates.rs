//! Certificates that `openssl` makes for a test.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Whether there is an `openssl` to make them with.
pub fn possible() -> bool {
    Command::new("openssl").arg("version").output().is_ok()
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl").current_dir(dir).args(arguments.split(' ')).output().expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `ca.pem`, and `cert.pem` with `key.pem` for 127.0.0.1 that serves both sides.
pub fn make(dir: &Path) {
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(dir, &format!("req -x509 {new} -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=test-ca"));
    openssl(dir, &format!("req {new} -keyout key.pem -out request.pem -subj /CN=node"));
    fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").expect("a file");
    let sign =
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out cert.pem -days 2 -extfile names";
    openssl(dir, sign);
}
