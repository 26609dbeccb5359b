fn main() {
    if std::env::args().nth(1).as_deref() == Some("compile") {
        std::process::exit(bellwether::sandbox::compile_child_main());
    }
}
