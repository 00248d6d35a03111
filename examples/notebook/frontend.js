// The page, and the way to the API: one address for the browser.
const http = require("node:http");

const api = new URL(process.env.API_URL);
const page = `<!doctype html><title>Notebook</title>
<form><input name="text" autofocus><button>Keep</button></form><pre></pre>
<script>
document.forms[0].onsubmit = async (event) => {
  event.preventDefault();
  const say = (text) => document.querySelector("pre").append(text, "\\n");
  const body = JSON.stringify({text: event.target.text.value});
  const made = await fetch("/api/notes", {method: "POST", body, headers: {"Content-Type": "application/json"}});
  if (!made.ok) return say(await made.text());
  const {id} = await made.json();
  setTimeout(async () => say(await (await fetch("/api/notes/" + id)).text()), 500);
};
</script>`;

http.createServer((request, response) => {
  if (!request.url.startsWith("/api/")) {
    response.writeHead(200, {"Content-Type": "text/html; charset=utf-8"}).end(page);
    return;
  }
  const {method, headers, url: path} = request;
  const onward = http.request({host: api.hostname, port: api.port, path, method, headers}, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.headersSent || response.writeHead(502).end("the API does not answer\n"));
  request.pipe(onward);
}).listen(process.env.PORT, "127.0.0.1");
