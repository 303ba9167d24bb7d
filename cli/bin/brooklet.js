#!/usr/bin/env node
// The command's entry: plain JavaScript that any Node parses. It checks the version, and only then imports the rest.
// So: nothing here that is newer than import(), and no static import; an old Node must get this far.
var REQUIRED_MAJOR = 24;
if (Number(process.versions.node.split(".")[0]) < REQUIRED_MAJOR) {
  console.error(
    "brooklet needs Node " +
      REQUIRED_MAJOR +
      " or newer, this is " +
      process.version +
      ': in a checkout use "npm start" or "npm run brooklet -- ARGUMENTS", which bring their own Node; elsewhere install Node ' +
      REQUIRED_MAJOR +
      ".",
  );
  process.exit(1);
} else {
  if (process.env.npm_command === "exec") endWithParent(process.ppid);
  // Node keeps what it has compiled and stripped of types in the system's temporary folder: more than a third of the work at start.
  import("node:module")
    .then((module) => {
      module.enableCompileCache();
      return import("../src/main.ts");
    })
    .then((command) => command.start());
}

// `npx` passes SIGTERM to a shell between us, which ends without a word to us: a broker would run on without an owner.
function endWithParent(parent) {
  var check = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(check);
    process.kill(process.pid, "SIGTERM");
  }, 500);
  check.unref();
}
