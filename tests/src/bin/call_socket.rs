//! `call_socket PATH LINE`: sends a line to the socket, and prints what comes back until its end.
//! For a test to run as another user.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, line] = args.as_slice() else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    let mut socket = UnixStream::connect(path)?;
    println!("connected");
    // The other side may have hung up already.
    let _ = writeln!(socket, "{line}");
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    println!("{answer}");
    Ok(())
}
