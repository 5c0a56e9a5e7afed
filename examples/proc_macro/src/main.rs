use describe::Describe;

#[derive(Describe)]
struct HttpServer;

fn main() {
    println!("{}", HttpServer::describe());
}

#[cfg(test)]
mod tests {
    use super::HttpServer;

    #[test]
    fn is_described_in_words() {
        assert_eq!(HttpServer::describe(), "http server");
    }
}
