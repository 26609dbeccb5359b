;; Spins where the host asks it for room for the settings.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (loop $again (br $again))
    unreachable)
  ;; A description with a name, a version, a summary and seven empty fields.
  (data (i32.const 64) "\80\00\00\00\05\00\00\00" "\85\00\00\00\05\00\00\00" "\8a\00\00\00\01\00\00\00")
  (data (i32.const 128) "guest0.1.0.")
  (func (export "bellwether:plugin/identity@0.1.0#describe") (result i32) i32.const 64)
  ;; The zeros at 256 are `ok` of an empty report.
  (func (export "bellwether:plugin/check@0.1.0#run") (param i32 i32) (result i32) i32.const 256)
)
