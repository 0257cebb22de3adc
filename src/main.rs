//! The `watchkeeper` program: everything is behind its command line.

fn main() -> std::process::ExitCode {
    watchkeeper::cli::main()
}
