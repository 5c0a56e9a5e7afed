pub fn ten() -> u32 {
    leaf::three() + seven::seven!()
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds_up() {
        assert_eq!(super::ten(), 10);
    }
}
