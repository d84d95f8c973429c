#!/usr/bin/env python3
"""A small executable model of the document rules (docs/format.md, "Document"): random histories of several authors, random
causal delivery, duplicates. Checks that every replica ends with the same state, that seq <= depth holds for honest writers, and
that a purge stays a purge. Trust and erase rights are not in it: everyone is heard and everyone may erase.

  model.py [N]                                 checks N seeds, each with at most 64 and at most 2 parents an op
  model.py --histories FIRST COUNT MAXPARENTS  prints a history a line as JSON, with the state it must end in, for the
                                               differential test tests/unit/document_model_test.cpp"""
import json, random, hashlib, sys

class Op:
    __slots__ = ("id","kind","author","index","prev","seq","target","parents","name","content","depth")
    def deps(self): return [d for d in set(self.parents) | {self.prev, self.target} if d]

class Replica:
    def __init__(self): self.ops={}; self.rows=[]; self.pending={}; self.kids={}; self.items={}; self.reg={}; self.heads=set(); self.tips={}; self.listseq=0; self.regseq={}; self.purges={}; self.bystory={}; self.erased=set()
    def ready(self,o): return all(d in self.ops for d in o.deps())
    def receive(self,o):
        if o.id in self.ops or o.id in self.pending: return
        self.pending[o.id]=o; again=True
        while again:
            again=False
            for p in list(self.pending.values()):
                if self.ready(p): del self.pending[p.id]; self.admit(p); again=True
    def admit(self,o):
        o_depth=1+max([self.ops[d].depth for d in o.deps()],default=0); assert o_depth==o.depth
        assert (o.kind=="erase" and o.seq==0) or 1<=o.seq<=o.depth,(o.kind,o.seq,o.depth)
        if o.prev: p=self.ops[o.prev]; assert p.author==o.author and p.index==o.index-1
        self.ops[o.id]=o; self.rows.append(o.id)
        for d in o.deps(): self.heads.discard(d)
        self.heads.add(o.id)
        t=self.tips.setdefault(o.author,set()); t.discard(o.prev); t.add(o.id)
        if o.kind=="insert":
            self.items[o.id]={"story":o.name,"hidden":False}; self.kids.setdefault(o.target,[]).append(o.id); self.listseq=max(self.listseq,o.seq)
            self.bystory.setdefault(o.name,set()).add(o.id)
            for f,v in o.content.items(): self.setreg(o.id,f,(0,o.author,o.id),v)
            if any(self.purged_by(o.id,p) for p in self.purges.get(o.name,())): self.items[o.id]["hidden"]=True
        elif o.kind=="set":
            self.setreg(o.target,o.name,(o.seq,o.author,o.id),o.content)
        elif o.kind=="delete":
            self.listseq=max(self.listseq,o.seq); self.items[o.target]["hidden"]=True
            if o.name:
                self.purges.setdefault(o.name,set()).add(o.id)
                for i in self.bystory.get(o.name,()):
                    if self.purged_by(i,o.id): self.items[i]["hidden"]=True
        elif o.kind=="erase": self.erased.add(o.target)
    def setreg(self,item,f,key,v):
        self.regseq[(item,f)]=max(self.regseq.get((item,f),0),key[0])
        cur=self.reg.get((item,f))
        if cur is None or key>cur[0]: self.reg[(item,f)]=(key,v)
    def purged_by(self,ins,purge):          # True unless the purge is an ancestor of the insert
        pd=self.ops[purge].depth; st=[ins]; seen=set()
        while st:
            x=st.pop()
            if x==purge: return False
            for d in self.ops[x].deps():
                if d not in seen and self.ops[d].depth>=pd: seen.add(d); st.append(d)
        return True
    def order(self):
        out=[]; st=[""]
        def key(i): o=self.ops[i]; return (o.seq,o.author,o.id)
        while st:
            x=st.pop()
            if x: out.append(x)
            st.extend(sorted(self.kids.get(x,()),key=key))      # popped from the end: highest first
        return out
    def state(self):
        h=[]
        regs={}
        for (i,f),(k,v) in self.reg.items(): regs.setdefault(i,[]).append((f,k[2],k[2] in self.erased))
        for i in self.order(): h.append((i,self.items[i]["hidden"],tuple(sorted(regs.get(i,())))))
        return hash(tuple(h)),h
    # writing
    def make(self,kind,author,rng,maxparents,**k):
        o=Op(); o.kind=kind; o.author=author
        tips=sorted(self.tips.get(author,()),key=lambda i:(-self.ops[i].index,i)); o.prev=tips[0] if tips else ""
        o.index=self.ops[o.prev].index+1 if o.prev else 1
        hs=sorted(self.heads,key=lambda i:(-self.ops[i].depth,i))[:maxparents]; o.parents=sorted(hs)
        o.target=k.get("target",""); o.name=k.get("name",""); o.content=k.get("content")
        o.depth=1+max([self.ops[d].depth for d in o.deps()],default=0)
        o.seq={"insert":self.listseq+1,"delete":self.listseq+1,"erase":0}.get(kind, self.regseq.get((o.target,o.name),0)+1)
        o.id=hashlib.blake2b(repr((kind,author,o.index,o.prev,o.seq,o.target,o.parents,o.name,o.content,rng.random())).encode(),digest_size=8).hexdigest()
        self.receive(o); return o

def write(seed,maxparents):
    """Several replicas at work, with partial gossip: the replicas, everything they wrote, and the random source to go on with."""
    rng=random.Random(seed); n=rng.randint(2,5); R=[Replica() for _ in range(n)]; log=[]; stories=["s%d"%i for i in range(4)]
    forked=rng.random()<0.3; authors=["a%d"%i for i in range(n)]
    if forked: authors[-1]=authors[0]                              # one key on two machines
    for step in range(rng.randint(20,120)):
        i=rng.randrange(n); r=R[i]; a=authors[i]; vis=[x for x in r.items if not r.items[x]["hidden"]]; p=rng.random()
        if p<.3 or not r.items: o=r.make("insert",a,rng,maxparents,target=rng.choice([""]+list(r.items)),name=rng.choice(stories),content={"stage":"1","name":"n"})
        elif p<.75: o=r.make("set",a,rng,maxparents,target=rng.choice(list(r.items)),name=rng.choice(["stage","agent"]),content=rng.random())
        elif p<.9 and vis:
            t=rng.choice(vis); o=r.make("delete",a,rng,maxparents,target=t,name=r.items[t]["story"] if rng.random()<.7 else "")
        else: o=r.make("erase",a,rng,maxparents,target=rng.choice([x for x in r.ops if r.ops[x].kind!="erase"]))
        log.append(o)
        if rng.random()<.35:                                       # partial gossip, out of order, duplicated
            j=rng.randrange(n); some=rng.sample(log,rng.randint(0,min(len(log),15)))
            for o in some: R[j].receive(o)
    return R,log,rng

def episode(seed,maxparents):
    R,log,rng=write(seed,maxparents)
    for r in R:
        sh=log*2; rng.shuffle(sh)
        for o in sh: r.receive(o)
    fresh=Replica()
    for x in R[0].rows: fresh.receive(R[0].ops[x])                 # replay in rowid order
    s=[r.state() for r in R+[fresh]]
    assert not any(r.pending for r in R),"something never became ready"
    if len({x[0] for x in s})!=1: return "diverged"
    for story,ps in R[0].purges.items():                            # a purge stays a purge
        for it in R[0].bystory.get(story,()):
            if not R[0].items[it]["hidden"] and any(R[0].purged_by(it,p) for p in ps): return "came back"
    return "ok"

def history(seed,maxparents):
    """The ops of one episode in the order one replica admitted them, and the state they add up to."""
    R,log,_=write(seed,maxparents); r=R[0]
    for o in log: r.receive(o)
    text=lambda v: None if v is None else json.dumps(v,sort_keys=True,separators=(",",":"))
    ops=[{"id":o.id,"kind":o.kind,"author":o.author,"index":o.index,"prev":o.prev,"seq":o.seq,"target":o.target,"parents":o.parents,
          "name":o.name,"content":text(o.content)} for o in (r.ops[x] for x in r.rows)]
    values={(i,f):text(v) for (i,f),(k,v) in r.reg.items()}
    items=[{"id":i,"story":r.items[i]["story"],"hidden":hidden,"erased":i in r.erased,
            "fields":[{"name":f,"winner":w,"erased":erased,"value":values[(i,f)]} for f,w,erased in fields]} for i,hidden,fields in r.state()[1]]
    nexts=[{"item":i,"field":f,"next":s+1} for (i,f),s in sorted(r.regseq.items()) if s]
    return {"seed":seed,"maxparents":maxparents,"ops":ops,"items":items,"next_list_seq":r.listseq+1,"next_seqs":nexts,
            "purges":{story:sorted(ps) for story,ps in r.purges.items()}}

if __name__=="__main__":
    if sys.argv[1:2]==["--histories"]:
        first,count,maxparents=map(int,sys.argv[2:])
        for seed in range(first,first+count): print(json.dumps(history(seed,maxparents)))
        sys.exit(0)
    N=int(sys.argv[1]) if len(sys.argv)>1 else 2000; bad={}
    for seed in range(N):
        for mp in (64,2):
            try: v=episode(seed,mp)
            except AssertionError as e: v="assert "+str(e)
            if v!="ok": bad.setdefault((v,mp),[]).append(seed)
    print({k:(len(v),v[:3]) for k,v in bad.items()} or f"{2*N} episodes: all replicas equal, no purge undone")
    sys.exit(bool(bad))
