--- What happens once: when the configuration is read, and when a worker starts.
--
--   request  the way of a request: whose it is, and what is answered by ourselves
--   match    which rule serves it; regex: what its headers may be compared with
--   guard    who may use a rule
--   proxy    how a request reaches a program, or waits for one
--   table    the rules: kept in shared memory, changed, served; check: whether they may be
--   seen     what is counted and remembered of requests

local compact = require("reconciler.table.compact")
local ffi = require("ffi")
local expiry = require("reconciler.seen.expiry")
local json = require("reconciler.json")
local log = require("reconciler.table.log")
local reserved = require("reconciler.request.reserved")
local settings = require("reconciler.settings")
local store = require("reconciler.table.store")
local tally = require("reconciler.seen.tally")
local writes = require("reconciler.table.writes")

local LOOK_EVERY = 0.1 -- seconds; a request looks by itself
local PR_SET_PDEATHSIG, SIGTERM = 1, 15

ffi.cdef([[
int prctl(int option, unsigned long one, unsigned long two, unsigned long three,
          unsigned long four);
int getpid(void);
int getppid(void);
]])

local _M = {
    --- What of gateway.conf this master runs with; a reload makes a new one.
    config = { digest = "", listen = "", code = "" },
}

local master_pid


local function read(name)
    local file = io.open(ngx.config.prefix() .. name, "rb")
    if not file then
        return nil
    end
    local text = file:read("*a")
    file:close()
    return text
end


--- The fields of the Gateway, as gateway.conf notes them.
local function apply(wishes)
    settings.trusts = wishes.trustedProxies ~= nil and wishes.trustedProxies[1] ~= nil
    settings.maintenance = wishes.maintenancePage and read("maintenance.html")
    settings.reserved = wishes.reserved or {}
    reserved.arrange(settings.reserved)
end


--- For init_by_lua.
function _M.master()
    local include = read("gateway.conf") or ""
    _M.config = {
        digest = ngx.md5(include),
        listen = include:match("\nlisten ([^;]-);") or "",
        code = include:match("\n# code (%x+)") or "",
    }
    log.begin()
    tally.prepare()
    log.tell()
    apply(json.decode(include:match("\n# settings ([^\n]*)") or "{}") or {})
    local raw = read("table.json")
    if raw then
        writes.load(raw)
    end
    master_pid = ffi.C.getpid()
end


--- A worker whose master was killed would go on serving, and keep the port from its successor.
local function end_with_master()
    ffi.C.prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0)
    if ffi.C.getppid() ~= master_pid then
        os.exit(1) -- it died before we asked
    end
end


local function look(premature)
    if premature then
        return
    end
    log.tell()
    store.current()
    if ngx.worker.id() == 0 then
        compact.look()
        expiry.look()
    end
end


--- For init_worker_by_lua.
function _M.worker()
    local quick = require("reconciler.request.quick")
    local balancer = require("reconciler.proxy.balancer")
    local ended = require("reconciler.seen.ended")
    -- What nginx.conf calls for every request. A global, for that is found with the fewest looks.
    _G.reconciler = {
        slot = quick.slot,
        balance = balancer.balance,
        note = ended.note,
        note_tls = ended.note_tls,
    }
    end_with_master()
    tally.begin()
    store.begin()
    local ok, err = ngx.timer.every(LOOK_EVERY, look)
    if not ok then
        ngx.log(ngx.ERR, "this worker sees a new table only with its next request: ", err)
    end
end


return _M
