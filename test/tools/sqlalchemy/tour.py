"""SQLAlchemy and Alembic: tables made, reflected, compared with what was meant, migrated; the ORM; isolation levels."""
import sys, datetime, decimal, json, uuid
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import declarative_base, relationship, Session, selectinload
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code

engine = sa.create_engine(sys.argv[1].replace('postgres://', 'postgresql+psycopg2://'))
Base = declarative_base()

def show(name, value):
    print(name, json.dumps(value, default=str, sort_keys=True))

class User(Base):
    __tablename__ = 'users'
    __table_args__ = (sa.CheckConstraint('credit >= 0', name='users_credit'), sa.Index('users_lower', sa.text('lower(name)')), {'comment': 'who is here'})
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(80), nullable=False, index=True, comment='as shown')
    email = sa.Column(sa.Text, unique=True)
    mood = sa.Column(sa.Enum('sad', 'happy', name='mood'), server_default='happy')
    tags = sa.Column(pg.ARRAY(sa.Text), server_default='{}')
    profile = sa.Column(pg.JSONB, server_default='{}')
    credit = sa.Column(sa.Numeric(12, 2), server_default=sa.text('0'))
    code = sa.Column(pg.UUID(as_uuid=True), default=lambda: uuid.UUID(int=7))
    made = sa.Column(sa.DateTime(timezone=True), server_default=sa.func.now())
    version = sa.Column(sa.Integer, nullable=False)
    posts = relationship('Post', back_populates='author', cascade='all, delete-orphan', order_by='Post.id')
    __mapper_args__ = {'version_id_col': version}

class Post(Base):
    __tablename__ = 'posts'
    __table_args__ = (sa.UniqueConstraint('author_id', 'title', name='posts_title'),)
    id = sa.Column(sa.BigInteger, sa.Identity(always=True, start=10), primary_key=True)
    author_id = sa.Column(sa.ForeignKey('users.id', ondelete='CASCADE', deferrable=True, initially='DEFERRED'), nullable=False)
    title = sa.Column(sa.Text, nullable=False)
    score = sa.Column(sa.Float)
    day = sa.Column(sa.Date)
    doubled = sa.Column(sa.Float, sa.Computed('score * 2', persisted=True))
    author = relationship('User', back_populates='posts')

Base.metadata.create_all(engine)
with engine.connect() as connection:
    context = MigrationContext.configure(connection, opts={'compare_type': True, 'compare_server_default': True})
    show('differences', [repr(one) for one in compare_metadata(context, Base.metadata)])
inspector = sa.inspect(engine)
for table in sorted(inspector.get_table_names()):
    show(table, [(c['name'], str(c['type']), c['nullable'], c['default'], c.get('comment'), c.get('identity'), c.get('computed')) for c in inspector.get_columns(table)])
    show(table + ' keys', [inspector.get_pk_constraint(table), inspector.get_foreign_keys(table), inspector.get_unique_constraints(table), inspector.get_check_constraints(table), sorted(inspector.get_indexes(table), key=lambda one: one['name'] or ''), inspector.get_table_comment(table)])
show('enums', inspector.get_enums())
with Session(engine) as session:
    session.add(User(name='Ada', email='ada@x', tags=['a', 'b'], profile={'deep': {'n': 1}}, credit=decimal.Decimal('10.50'), posts=[Post(title='one', score=1.5, day=datetime.date(2024, 2, 29)), Post(title='two')]))
    session.add_all([User(name=name, email=name + '@x') for name in ('Bob', 'Cyd', 'Dan')])
    session.commit()
    for user in session.execute(sa.select(User).options(selectinload(User.posts)).order_by(User.id)).scalars():
        show('user', [user.id, user.name, user.mood, user.tags, user.profile, user.credit, user.code, type(user.made).__name__, user.version, [(p.id, p.title, p.score, p.day, p.doubled) for p in user.posts]])
    show('json', session.execute(sa.select(User.name).where(User.profile['deep']['n'].as_integer() == 1, User.tags.contains(['a']))).scalars().all())
    show('grouped', [tuple(r) for r in session.execute(sa.select(User.name, sa.func.count(Post.id)).outerjoin(Post).group_by(User.name).order_by(User.name))])
    show('windows', [tuple(r) for r in session.execute(sa.select(User.name, sa.func.row_number().over(order_by=User.id.desc())).order_by(User.name))])
    ada = session.execute(sa.select(User).filter_by(name='Ada').with_for_update()).scalar_one()
    ada.credit += 1
    ada.posts[0].title = 'first'
    session.commit()
    statement = pg.insert(User).values([dict(name='Bobby', email='Bob@x', version=1), dict(name='Eve', email='eve@x', version=1)])
    rows = session.execute(statement.on_conflict_do_update(index_elements=['email'], set_={'name': statement.excluded.name}).returning(User.id, User.name)).all()
    show('upserted', [tuple(r) for r in rows])
    session.commit()
    try:
        with session.begin_nested():
            session.execute(sa.insert(User).values(name='x', email='ada@x', version=1))
    except sa.exc.IntegrityError as error:
        show('failed', [error.orig.pgcode, error.orig.diag.constraint_name, error.orig.diag.table_name, error.orig.diag.message_detail])
    session.execute(sa.insert(Post).values(author_id=999, title='orphan'))
    try:
        session.commit()
    except sa.exc.IntegrityError as error:
        session.rollback()
        show('deferred', [error.orig.pgcode, error.orig.diag.constraint_name])
    show('deleted', session.execute(sa.delete(User).where(User.name.in_(['Cyd', 'Dan'])).returning(User.name)).scalars().all())
    session.commit()
for level in ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'AUTOCOMMIT'):
    with engine.connect().execution_options(isolation_level=level) as connection:
        show(level, [connection.execute(sa.text('show transaction_isolation')).scalar(), connection.get_isolation_level()])
raw = engine.raw_connection()
cursor = raw.cursor('named', scrollable=True)
cursor.execute('select i from generate_series(1, 5000) i')
cursor.itersize = 100
show('named cursor', [cursor.fetchmany(2), cursor.fetchone()])
cursor.scroll(-2)
show('scrolled', cursor.fetchone())
cursor.close()
raw.close()
reflected = sa.MetaData()
reflected.reflect(engine)
show('reflected', sorted(reflected.tables))
with engine.begin() as connection:
    op = Operations(MigrationContext.configure(connection))
    op.add_column('posts', sa.Column('more', sa.Integer(), server_default='7', nullable=False))
    op.alter_column('posts', 'more', type_=sa.BigInteger(), new_column_name='less', nullable=True, server_default=None)
    op.create_index('posts_less', 'posts', ['less'], unique=True, postgresql_where=sa.text('less > 7'))
    op.create_check_constraint('posts_positive', 'posts', sa.column('less') > 0)
    op.execute("alter type mood add value 'calm'")
    op.rename_table('posts', 'articles')
with engine.connect() as connection:
    context = MigrationContext.configure(connection)
    print(render_python_code(produce_migrations(context, reflected).upgrade_ops))
with engine.begin() as connection:
    op = Operations(MigrationContext.configure(connection))
    op.drop_constraint('posts_positive', 'articles')
    op.drop_index('posts_less')
    op.drop_column('articles', 'less')
    op.rename_table('articles', 'posts')
Base.metadata.drop_all(engine)
show('left', sa.inspect(engine).get_table_names())
