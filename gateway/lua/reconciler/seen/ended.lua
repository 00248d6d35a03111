--- What is left to do when a request has ended.

local attempts = require("reconciler.proxy.attempts")
local recent = require("reconciler.seen.recent")
local tally = require("reconciler.seen.tally")
local written = require("reconciler.proxy.written")

local ngx = ngx
local over, done, note = attempts.over, tally.done, recent.note

local _M = {}


--- For log_by_lua.
function _M.note()
    local ctx = ngx.ctx
    if ctx.endpoint then
        over(ctx.endpoint)
    end
    done(ctx.at)
    note()
end


--- The same where requests go on over TLS.
function _M.note_tls()
    if not ngx.ctx.endpoint then
        written.ended()
    end
    _M.note()
end


return _M
